"""What a deploy of all finds beside its nodes."""

from __future__ import annotations

from pathlib import Path

from meshc.build.pipeline import compare_file, compile_file
from meshc.deploy.plan.surroundings import Surroundings, begin, keep, surroundings
from meshc.topology.obligations.reach import ReachChange
from tests.support.deploys import mesh

MORE = "  phone: {platform: ios}\n  nas: {}\n  old: {deploy: {host: old}}\n"


def around(directory: Path, *, whole: bool = True) -> Surroundings:
    return surroundings(compare_file(directory / "mesh.yaml"), whole=whole)


def test_those_that_nobody_logs_in_to_are_told_until_something_is_deployed(tmp_path: Path) -> None:
    mesh(tmp_path, more=MORE)
    assert around(tmp_path).by_hand == ("nas", "phone")
    keep(compare_file(tmp_path / "mesh.yaml"), around(tmp_path), ["hub"], [])
    assert around(tmp_path).by_hand == ()
    mesh(tmp_path, more=MORE.replace("nas: {}", "nas: {mtu: 1333}"))
    assert around(tmp_path).by_hand == ("nas",)


def test_those_that_left_are_told_until_they_were_taken_down(tmp_path: Path) -> None:
    mesh(tmp_path, more=MORE)
    keep(compare_file(tmp_path / "mesh.yaml"), around(tmp_path), ["hub", "old"], [])
    file = tmp_path / "mesh.yaml"
    file.write_text(file.read_text().replace("  old: {deploy: {host: old}}\n", ""))
    compile_file(file)
    assert around(tmp_path).left == ("old",)
    assert around(tmp_path)
    assert around(tmp_path, whole=False).left == (), "somebody else is meant"
    keep(compare_file(file), around(tmp_path), ["hub"], ["old"])
    assert around(tmp_path).left == ()


def test_a_deploy_that_is_killed_is_one_of_this_checkout(tmp_path: Path) -> None:
    """Some nodes may have its build: that is no colleague's."""
    mesh(tmp_path, more=MORE)
    result = compare_file(tmp_path / "mesh.yaml")
    found = around(tmp_path)
    begin(result, found)
    after = around(tmp_path).journal
    assert (after.serial, after.builds, after.nodes) == (1, (found.build,), {})
    begin(result, found)
    keep(result, found, ["hub"], [])
    assert around(tmp_path).journal.serial == 1


def test_a_deploy_that_changed_nothing_writes_nothing(tmp_path: Path) -> None:
    mesh(tmp_path, more=MORE)
    result = compare_file(tmp_path / "mesh.yaml")
    keep(result, around(tmp_path), [], [])
    assert not (tmp_path / "mesh.deploys").exists()
    keep(result, around(tmp_path), ["hub"], [])
    before = (tmp_path / "mesh.deploys").stat().st_ino
    keep(result, around(tmp_path), ["hub"], [])
    assert (tmp_path / "mesh.deploys").stat().st_ino == before


RULES = "policies: [{from: leaf, to: hub, allow: tcp/443}]\n"


def test_what_policies_open_and_close_is_told_against_what_was_deployed(tmp_path: Path) -> None:
    """Not against the build: that may have been made a week ago, and nobody has it yet."""
    file = tmp_path / "mesh.yaml"
    mesh(tmp_path)
    plain = file.read_text()
    file.write_text(plain + RULES)
    compile_file(file)
    assert around(tmp_path).reach == ReachChange(), "nothing was deployed yet"
    keep(compare_file(file), around(tmp_path), ["hub", "leaf"], [])
    assert around(tmp_path).reach == ReachChange()
    before = (tmp_path / "mesh.deploys").stat().st_ino
    keep(compare_file(file), around(tmp_path), ["hub", "leaf"], [])
    assert (tmp_path / "mesh.deploys").stat().st_ino == before
    file.write_text(plain + RULES.replace("443", "22"))
    for _ in range(2):
        compile_file(file)
        found = around(tmp_path).reach
        assert [str(line.services[0]) for line in (*found.opens, *found.closes)] == [
            "tcp/22",
            "tcp/443",
        ]
    file.write_text(plain)
    compile_file(file)
    assert around(tmp_path).reach.opened == 25, "nearly everybody, to everybody"
    keep(compare_file(file), around(tmp_path), ["hub"], [])
    file.write_text(plain + RULES)
    compile_file(file)
    assert around(tmp_path).reach.closed == 25
