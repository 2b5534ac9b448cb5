"""A change to the text changes what it says, and every other character stays."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import yaml

from meshc.diagnostics import Diagnostics
from meshc.topology.language.edit import edited
from meshc.topology.language.edit.edited import Uneditable
from meshc.topology.language.load import load_spec
from meshc.topology.language.spec import Spec
from tests.support.random_topology import random_topology

TEXT = """\
meshc: 1
network: {name: demo, addresses: [10.44.0.0/24], domain: demo.dev}   # one network
groups:
  servers: [hub, nas]   # both
  road: phone, laptop
nodes:
  hub:            # the relay
    role: relay
    endpoint: hub.demo-vpn.net
  nas: {dns: [hub.demo.dev, hub.other.dev]}

  # a phone
  phone: {platform: ios}
  laptop:
    via: [hub]
  desk:
links:
- endpoints: [hub, nas]
  keepalive: 9
tests:
  - {from: phone, to: [nas, "hub"]}
  - from: laptop
    to: hub
"""


def loaded(text: str) -> Spec:
    diagnostics = Diagnostics()
    spec = load_spec(text, file="mesh.yaml", diagnostics=diagnostics)
    assert spec is not None, [str(found) for found in diagnostics]
    return spec


def text_of(changed: str | Uneditable) -> str:
    assert isinstance(changed, str), changed.reason
    return changed


def lost_lines(before: str, after: str) -> list[str]:
    kept = after.splitlines()
    return [line for line in before.splitlines() if line not in kept]


@pytest.mark.parametrize("name", ["hub", "nas", "desk", "laptop"])
def test_a_key_is_set_in_every_form_of_a_node(name: str) -> None:
    changed = text_of(edited.with_key(TEXT, ("nodes", name), "enabled", "false"))
    assert loaded(changed).absent == {name}
    assert len(lost_lines(TEXT, changed)) == (name in ("nas", "desk"))
    again = text_of(edited.with_key(changed, ("nodes", name), "enabled", "true"))
    assert loaded(again).nodes == loaded(TEXT).nodes


@pytest.mark.parametrize(
    "text",
    [TEXT, "meshc: 1\n", "nodes:\n", "nodes: {}\n", "nodes: {a: {}}", "nodes: {a: {}, }\nx-y: 1\n"],
)
def test_a_node_is_added_at_the_end(text: str) -> None:
    changed = text_of(edited.with_entry(text, "nodes", "new", "{mtu: 1400}"))
    assert yaml.safe_load(changed)["nodes"]["new"] == {"mtu": 1400}


def test_a_node_without_settings_is_a_name_with_a_colon() -> None:
    changed = text_of(edited.with_entry(TEXT, "nodes", "new", ""))
    assert "  desk:\n  new:\nlinks:" in changed


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        (("nodes", "phone"), ["  phone: {platform: ios}"]),
        (("nodes", "laptop"), ["  laptop:", "    via: [hub]"]),
        (("nodes", "desk"), ["  desk:"]),
        (("groups", "servers", 0), ["  servers: [hub, nas]   # both"]),
        (("tests", 1), ["  - from: laptop", "    to: hub"]),
        (("links", 0), ["links:", "- endpoints: [hub, nas]", "  keepalive: 9"]),
    ],
)
def test_taking_something_out_takes_its_lines_only(
    path: tuple[str | int, ...], gone: list[str]
) -> None:
    assert lost_lines(TEXT, text_of(edited.without(TEXT, path))) == gone


def test_a_rename_reaches_every_place_that_names_the_node() -> None:
    changed = text_of(edited.renamed(TEXT, "hub", "berlin", "demo.dev"))
    assert edited.mentions(changed, "hub", "demo.dev") == []
    assert lost_lines(changed, TEXT) == [
        "  servers: [berlin, nas]   # both",
        "  berlin:            # the relay",
        "  nas: {dns: [berlin.demo.dev, hub.other.dev]}",
        "    via: [berlin]",
        "- endpoints: [berlin, nas]",
        '  - {from: phone, to: [nas, "berlin"]}',
        "    to: berlin",
    ], "the endpoint and foreign domains are no names of nodes"


def test_a_name_inside_another_is_not_that_name() -> None:
    text = "nodes: {a: {via: [a-b, b.a]}, a-b: {}, b.a: {}}\ngroups: {g: 'a, a-b'}\n"
    changed = text_of(edited.renamed(text, "a", "c"))
    assert changed == "nodes: {c: {via: [a-b, b.a]}, a-b: {}, b.a: {}}\ngroups: {g: 'c, a-b'}\n"


def test_a_node_called_like_a_key_is_a_node() -> None:
    text = "nodes: {via: {}, to: {via: [via]}}\n"
    assert text_of(edited.renamed(text, "via", "x")) == "nodes: {x: {}, to: {via: [x]}}\n"


def test_what_an_alias_shares_is_not_changed_for_one() -> None:
    """The text would have to be written anew; the comparison sees that both would change."""
    text = "nodes:\n  a: &s {mtu: 1400}\n  b: *s\n"
    assert isinstance(edited.with_key(text, ("nodes", "b"), "enabled", "false"), Uneditable)
    assert isinstance(edited.with_key(text, ("nodes", "a"), "enabled", "false"), Uneditable)


def test_a_name_in_an_anchor_is_renamed_with_what_repeats_it() -> None:
    text = "x-v: &v [hub]\nnodes:\n  hub: {}\n  a: {via: *v}\n"
    changed = edited.renamed(text, "hub", "berlin")
    assert changed == "x-v: &v [berlin]\nnodes:\n  berlin: {}\n  a: {via: *v}\n"


EDITS: dict[str, Callable[[str, str], str | Uneditable]] = {
    "rename": lambda text, name: edited.renamed(text, name, "renamed"),
    "disable": lambda text, name: edited.with_key(text, ("nodes", name), "enabled", "false"),
    "remove": lambda text, name: edited.without(text, ("nodes", name)),
    "add": lambda text, _: edited.with_entry(text, "nodes", "added", "{mtu: 1400}"),
}


@pytest.mark.parametrize("edit", sorted(EDITS))
@pytest.mark.parametrize("flow", [False, None, True])
def test_random_topologies_in_every_style(edit: str, flow: bool | None) -> None:
    """The oracle changes the data and writes it anew; both texts must say the same."""
    rng = random.Random(f"{edit}{flow}")
    for _ in range(25):
        data = yaml.safe_load(random_topology(rng))
        name = rng.choice(sorted(data["nodes"]))
        text = yaml.safe_dump(data, sort_keys=False, default_flow_style=flow)
        said = yaml.safe_load(text_of(EDITS[edit](text, name)))
        nodes = data["nodes"]
        if edit == "rename":
            data = _renamed(data, name)
        elif edit == "disable":
            nodes[name] = {**(nodes[name] or {}), "enabled": False}
        elif edit == "remove":
            del nodes[name]
        else:
            nodes["added"] = {"mtu": 1400}
        assert said == data


def _renamed(data: object, name: str) -> object:
    """No other text of a random topology is the name of a node."""
    if isinstance(data, dict):
        return {_renamed(key, name): _renamed(value, name) for key, value in data.items()}
    if isinstance(data, list):
        return [_renamed(value, name) for value in data]
    return "renamed" if data == name else data


@pytest.mark.parametrize(
    ("groups", "wanted"),
    [
        ("", "groups:\n  g: [new]\n"),
        ("groups: {g: [a, b]}\n", "groups: {g: [a, b, new]}\n"),
        ("groups: {g: []}\n", "groups: {g: [new]}\n"),
        ("groups: {g: [a, ]}\n", "groups: {g: [a, new]}\n"),
        ("groups: {h: [a]}\n", "groups: {h: [a], g: [new]}\n"),
        ("groups:\n  g: a   # x\n", "groups:\n  g: [a, new]   # x\n"),
        (
            "groups:\n  g:\n  - a   # x\n\n  h: b\n",
            "groups:\n  g:\n  - a   # x\n  - new\n\n  h: b\n",
        ),
        ("groups:\n  g:\n    - a\n# end\n", "groups:\n  g:\n    - a\n    - new\n# end\n"),
        (
            "groups: {g: {mtu: 1400, members: [a]}}\n",
            "groups: {g: {mtu: 1400, members: [a, new]}}\n",
        ),
        ("groups: {g: {mtu: 1400}}\n", "groups: {g: {members: [new], mtu: 1400}}\n"),
    ],
)
def test_a_node_joins_a_group_however_it_is_written(groups: str, wanted: str) -> None:
    assert edited.with_member(f"meshc: 1\n{groups}", "g", "new") == f"meshc: 1\n{wanted}"


def test_what_is_no_yaml_on_one_line_is_no_node() -> None:
    for value in ("{a: b: c}", "x\n  y: 1", "{", "{a}: }"):
        assert isinstance(edited.with_entry("nodes: {}\n", "nodes", "n", value), Uneditable)
