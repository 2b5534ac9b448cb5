"""A topology of several files means what one file with all of it means, and every finding names
the file that it is about."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.build.check import check_file
from meshc.diagnostics import Diagnostic, Diagnostics, Location
from meshc.topology.language.load import load_spec
from meshc.topology.language.read.includes import (
    MAX_FILES,
    Opener,
    Unopened,
    join_included,
    no_files,
)
from meshc.topology.language.read.parsed_file import ParsedFile
from meshc.topology.language.read.yaml_reader import parse_source
from meshc.topology.language.spec import Spec

HEAD = "meshc: 1\nnetwork: {name: demo, addresses: [10.44.0.0/24]}\n"
HUB = "  hub: {role: relay, endpoint: hub.demo-vpn.net}\n"


def opener(files: Mapping[str, str]) -> Opener:
    return lambda name: files[name].encode() if name in files else Unopened("there is no such file")


def loaded(main: str, files: Mapping[str, str]) -> tuple[Spec | None, list[Diagnostic]]:
    diagnostics = Diagnostics()
    spec = load_spec(main, file="net/mesh.yaml", diagnostics=diagnostics, opened=opener(files))
    return spec, list(diagnostics)


def joined(main: str, files: Mapping[str, str]) -> tuple[ParsedFile, list[Diagnostic]]:
    diagnostics = Diagnostics()
    source = parse_source(main, "net/mesh.yaml", diagnostics)
    assert source is not None
    return join_included(source, opener(files), diagnostics), list(diagnostics)


def places(found: list[Diagnostic]) -> list[tuple[str, str]]:
    return [(one.code, str(one.location)) for one in found]


def test_nodes_of_other_files_are_part_of_the_network() -> None:
    """Also what those include, relative to themselves."""
    files = {
        "parts/berlin.yaml": "include: deep/lab.yaml\nsites: {berlin: {lan: 192.168.1.0/24}}\n"
        "nodes: {desk: {site: berlin}}\ntests: [{from: desk, to: rack}]\n",
        "parts/deep/lab.yaml": "nodes: {rack: {site: berlin}}\n",
    }
    spec, found = loaded(HEAD + "include: [parts/berlin.yaml]\nnodes:\n" + HUB, files)
    assert found == []
    assert spec is not None
    assert set(spec.nodes) == {"hub", "desk", "rack"}
    assert len(spec.tests) == 1


def test_a_finding_names_the_file_line_and_column_of_what_it_is_about() -> None:
    more = "nodes:\n  desk:\n    rol: peer\n  rack: {mtu: 9}\ntests:\n  - {from: x, to: hub}\n"
    files = {"more.yaml": more}
    _, found = loaded(HEAD + "include: more.yaml\nnodes:\n" + HUB, files)
    assert places(found) == [
        ("E110", "net/more.yaml:3:5"),
        ("E114", "net/more.yaml:4:15"),
        ("E130", "net/more.yaml:6:12"),
    ]


def test_a_main_file_may_hold_no_nodes_itself() -> None:
    spec, found = loaded(HEAD + "include: more.yaml\n", {"more.yaml": "nodes:\n" + HUB})
    assert (found, spec is not None) == ([], True)


def test_the_same_name_in_two_files_is_said_with_both_places() -> None:
    spec, found = loaded(
        HEAD + "include: more.yaml\nnodes:\n" + HUB, {"more.yaml": "nodes: {hub: {}}"}
    )
    assert spec is None
    assert places(found) == [("E103", "net/more.yaml:1:9")]
    assert found[0].message == "'hub' is already in net/mesh.yaml, line 5"


@pytest.mark.parametrize(
    ("files", "where"),
    [
        ({"a.yaml": "include: a.yaml"}, "net/a.yaml:1:10"),
        ({"a.yaml": "include: b.yaml", "b.yaml": "include: [a.yaml]"}, "net/b.yaml:1:11"),
        ({"a.yaml": "include: ./mesh.yaml"}, "net/a.yaml:1:10"),
    ],
)
def test_no_file_comes_in_twice(files: dict[str, str], where: str) -> None:
    _, found = joined(HEAD + "include: a.yaml\n", files)
    assert places(found) == [("E107", where)]


@pytest.mark.parametrize(
    "name",
    [
        "/etc/mesh.yaml",
        "keys/hub.key",
        "a\\b.yaml",
        "'a\\tb.yaml'",
        "7",
        "[]",
        "{a: 1}",
        "~",
        "a.yaml.key",
    ],
)
def test_what_is_no_relative_name_of_a_yaml_file_is_never_opened(name: str) -> None:
    """A key that a message quoted would be in the log of whoever checks topologies."""

    def never(asked: str) -> bytes | Unopened:
        raise AssertionError(asked)

    diagnostics = Diagnostics()
    source = parse_source(f"include: [{name}]", "mesh.yaml", diagnostics)
    assert source is not None
    join_included(source, never, diagnostics)
    assert places(list(diagnostics)) == [("E107", "mesh.yaml:1:11")]


@pytest.mark.parametrize(
    "key", ["network: {name: x}", "lab: {}", "defaults: {}", "nods: {}", "meshc: 2"]
)
def test_what_there_is_once_stays_in_the_main_file(key: str) -> None:
    _, found = joined(HEAD + "include: more.yaml\n", {"more.yaml": f"x-mine: 1\n{key}\n"})
    assert places(found) == [("E110", "net/more.yaml:2:1")]


def test_an_included_file_may_say_the_version_again() -> None:
    _, found = joined(HEAD + "include: more.yaml\n", {"more.yaml": "meshc: 1\n"})
    assert found == []


@pytest.mark.parametrize("content", ["- a", "text", "nodes: [a]", "links: {a: 1}"])
def test_a_file_of_another_shape_is_named(content: str) -> None:
    _, found = joined(HEAD + "include: more.yaml\n", {"more.yaml": content})
    assert [(one.code, one.location and one.location.file) for one in found] == [
        ("E112", "net/more.yaml")
    ]


def test_broken_yaml_is_said_about_its_own_file() -> None:
    _, found = joined(HEAD + "include: more.yaml\n", {"more.yaml": "nodes: {a: [}\n"})
    assert found[0].code == "E100"
    assert found[0].location is not None
    assert found[0].location.file == "net/more.yaml"


def test_the_number_of_files_has_an_end() -> None:
    files = {f"f{n}.yaml": f"include: f{n + 1}.yaml" for n in range(MAX_FILES + 5)}
    _, found = joined("include: f0.yaml", files)
    assert [one.code for one in found] == ["E107"]


def test_text_without_a_file_includes_none() -> None:
    diagnostics = Diagnostics()
    load_spec(HEAD + "include: more.yaml\n", file="-", diagnostics=diagnostics)
    assert "E107" in {one.code for one in diagnostics}
    assert isinstance(no_files("x.yaml"), Unopened)


def test_an_alias_of_a_section_is_not_changed_by_what_is_included() -> None:
    source, _ = joined(
        "nodes: &n {a: {}}\nx-kept: *n\ninclude: m.yaml\n", {"m.yaml": "nodes: {b: {}}"}
    )
    assert source.data["x-kept"] == {"a": {}}
    assert set(source.data["nodes"]) == {"a", "b"}


def test_places_survive_pickling() -> None:
    """The second process of a build gets what was read."""
    source, _ = joined("include: m.yaml\n", {"m.yaml": "nodes: {b: {mtu: 7}}"})
    again = pickle.loads(pickle.dumps(source))
    assert again.locate(("nodes", "b", "mtu")) == Location("net/m.yaml", 1, 18)


@given(st.lists(st.integers(0, 4), min_size=6, max_size=6))
def test_it_does_not_matter_in_which_file_something_stands(homes: list[int]) -> None:
    lines = [f"  n{index}: {{site: s{home}}}\n" for index, home in enumerate(homes)]
    sites = "".join(f"  s{home}: {{}}\n" for home in range(5))
    one, _ = loaded(f"{HEAD}sites:\n{sites}nodes:\n{HUB}{''.join(lines)}", {})
    files = {
        f"f{home}.yaml": f"sites: {{s{home}: {{}}}}\nnodes:\n"
        + "".join(line for at, line in zip(homes, lines, strict=True) if at == home)
        for home in range(5)
    }
    many, found = loaded(f"{HEAD}include: [{', '.join(files)}]\nnodes:\n{HUB}", files)
    assert {one.code for one in found} <= {"I151"}, "a site without nodes"
    assert one is not None
    assert many is not None
    assert {n: (v.site, v.role) for n, v in one.nodes.items()} == {
        n: (v.site, v.role) for n, v in many.nodes.items()
    }


def test_files_on_disk(tmp_path: Path) -> None:
    """Relative to the main file, not to where the command runs; a device is no file."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "more.yaml").write_text("nodes: {desk: {}}\n")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    main = tmp_path / "mesh.yaml"
    main.write_text(HEAD + "include: parts/more.yaml\nnodes:\n" + HUB)
    checked = check_file(str(main))
    assert checked.spec is not None
    assert set(checked.spec.nodes) == {"hub", "desk"}
    main.write_text(HEAD + "include: zero.yaml\nnodes:\n" + HUB)
    (found,) = check_file(str(main)).findings
    assert (found.code, "not an ordinary file" in found.message) == ("E107", True)
