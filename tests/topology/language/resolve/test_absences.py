"""A node that is not enabled, or past its last day, is in no file, and what is its own waits."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from meshc.cli import main
from meshc.diagnostics import Diagnostics
from meshc.topology.language.load import load_spec
from meshc.topology.language.spec import Spec

HEAD = "meshc: 1\nnetwork: {name: demo, addresses: [10.44.0.0/24]}\n"
HUB = "  hub: {role: relay, endpoint: hub.demo-vpn.net, exit_node: true, address: 10.44.0.1}\n"


def loaded(text: str, today: str = "2027-02-01") -> tuple[Spec | None, list[str]]:
    diagnostics = Diagnostics()
    spec = load_spec(HEAD + text, file="mesh.yaml", diagnostics=diagnostics, today=today)
    return spec, [found.code for found in diagnostics if found.code != "I151"]


@pytest.mark.parametrize(
    ("keys", "there"),
    [
        ("enabled: false", False),
        ("enabled: true", True),
        ("expires: 2027-01-31", False),
        ("expires: 2027-02-01", True),
        ("expires: '2027-02-02'", True),
        ("expires: 2030-01-01, enabled: false", False),
    ],
)
def test_who_is_there(keys: str, there: bool) -> None:
    """The last day is still the node's."""
    spec, found = loaded(f"nodes:\n{HUB}  phone: {{{keys}}}\n")
    assert spec is not None
    assert ("phone" in spec.nodes, "phone" in spec.absent) == (there, not there)
    assert len(found) == (0 if there else 1)


def test_without_a_date_nothing_expires() -> None:
    spec, _ = loaded(f"nodes:\n{HUB}  phone: {{expires: 1999-01-01}}\n", today="")
    assert spec is not None
    assert "phone" in spec.nodes


@pytest.mark.parametrize("where", ["groups", "sites"])
def test_whole_groups_and_sites_can_be_off(where: str) -> None:
    section, a, b = {
        "groups": ("{enabled: false, members: [a, b]}", "{}", "{enabled: true}"),
        "sites": ("{enabled: false}", "{site: x}", "{site: x, enabled: true}"),
    }[where]
    spec, _ = loaded(f"{where}: {{x: {section}}}\nnodes:\n{HUB}  a: {a}\n  b: {b}\n")
    assert spec is not None
    assert spec.absent == {"a"}, "the node's own word is nearer"


def test_what_is_said_about_it_rests() -> None:
    """Links, groups, `via`, `direct`, tests and the lab may name it."""
    text = (
        f"nodes:\n{HUB}  r2: {{role: relay, endpoint: r2.demo-vpn.net, enabled: false}}\n"
        "  a: {via: [r2, hub], direct: [hub, r2]}\n  b: {}\ngroups: {g: [a, r2], h: [r2]}\n"
        "links: [{endpoints: [a, r2], keepalive: 9}]\n"
        "tests:\n  - {from: a, to: r2}\n  - {from: g, to: b}\n  - {from: h, to: a}\n"
        "  - {from: a, to: [b, r2]}\nlab: {nodes: {r2: {latency: 5ms}}}\n"
    )
    spec, found = loaded(text)
    assert found == ["I138"]
    assert spec is not None
    assert spec.nodes["a"].via == ("hub",)
    assert spec.nodes["a"].direct == ("hub",)
    assert spec.groups == {"g": ("a",), "h": ()}
    assert spec.links == ()
    assert [(test.sources, test.targets) for test in spec.tests] == [(("a",), ("b",))] * 2
    assert spec.lab.nodes == {}


@pytest.mark.parametrize("use", ["a: {exit: gate}", "a: {dns: gate}"])
def test_nobody_loses_an_exit_or_a_name_server_in_silence(use: str) -> None:
    gate = "  gate: {exit_node: true, endpoint: g.demo-vpn.net, enabled: false}\n"
    spec, found = loaded(f"nodes:\n{HUB}{gate}  {use}\n")
    assert spec is None
    assert sorted(found) == ["E135", "I138"]


@pytest.mark.parametrize("word", ["2027-13-01", "tomorrow", "20270101", "2027-W01-1"])
def test_a_date_is_a_day_of_the_calendar(word: str) -> None:
    _, found = loaded(f"nodes:\n{HUB}  a: {{expires: {word}}}\n")
    assert found == ["E113"] if not word.isdigit() else ["E112"]


def test_key_and_address_wait_for_its_return(tmp_path: Path) -> None:
    """Others that come meanwhile get neither, also when the node is away for several builds."""
    file = tmp_path / "mesh.yaml"

    def build(nodes: str) -> None:
        file.write_text(HEAD + "nodes:\n" + HUB + nodes)
        done = CliRunner().invoke(main, ["build", str(file)])
        assert done.exit_code == 0, done.output

    build("  phone: {}\n")
    first = (tmp_path / "build/phone/wg0.conf").read_bytes()
    build("  phone: {enabled: false}\n  a: {}\n")
    assert not (tmp_path / "build/phone").exists()
    assert b"phone" not in (tmp_path / "build/hub/wg0.conf").read_bytes()
    build("  phone: {expires: 2001-01-01}\n  a: {}\n  b: {}\n")
    build("  phone: {}\n  a: {}\n  b: {}\n")
    again = (tmp_path / "build/phone/wg0.conf").read_bytes()
    assert again == first
