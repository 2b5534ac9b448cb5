"""What a checkout knows of deploys: which builds, which nodes, and who has which file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from meshc.build.pipeline import compile_file
from meshc.build.reader import open_build
from meshc.deploy.deploy_journal import (
    MOST_BUILDS,
    DeployJournal,
    build_of,
    journal_path,
    operator,
    read_journal,
    write_journal,
)
from meshc.errors import StateError
from meshc.topology.planner.mesh_plan import MeshPlan
from tests.support.deploys import mesh


@pytest.fixture
def file(tmp_path: Path) -> Path:
    mesh(tmp_path, more="  phone: {platform: ios}\n")
    return tmp_path / "mesh.yaml"


def plan_of(file: Path) -> MeshPlan:
    return compile_file(file).plan


def test_it_comes_back_as_it_was_written(file: Path) -> None:
    assert read_journal(file) is None
    build, files = build_of(open_build(file.parent / "build", file=file))
    journal = DeployJournal().deployed(build, files, plan_of(file), ["hub", "leaf"])
    write_journal(file, journal)
    assert read_journal(file) == journal
    assert (journal.serial, journal.builds, sorted(journal.nodes)) == (1, (build,), ["hub", "leaf"])
    assert journal.nodes["hub"].deploy.host == "hub"
    text = journal_path(file).read_text()
    keys = [p.read_text().strip() for p in (file.parent / "keys").rglob("*") if p.is_file()]
    assert keys
    assert not any(key in text for key in keys)


def test_the_same_build_again_is_the_same_number(file: Path) -> None:
    build, files = build_of(open_build(file.parent / "build", file=file))
    once = DeployJournal().deployed(build, files, plan_of(file), ["hub"])
    assert once.deployed(build, files, plan_of(file), ["hub"]) == once
    other = once.deployed("other", files, plan_of(file), ["hub"])
    assert (other.serial, other.builds) == (2, (build, "other"))
    assert (other.number("other"), other.number(build)) == (2, 3)
    back = other.deployed(build, files, plan_of(file), ["hub"])
    assert (back.serial, back.builds) == (3, ("other", build))


def test_any_file_of_a_node_makes_another_build(tmp_path: Path, file: Path) -> None:
    before, _ = build_of(open_build(file.parent / "build", file=file))
    mesh(tmp_path, leaf=", mtu: 1300", more="  phone: {platform: ios}\n")
    after, _ = build_of(open_build(file.parent / "build", file=file))
    assert before != after


def test_a_node_that_left_is_known_until_it_was_taken_down(tmp_path: Path, file: Path) -> None:
    build, files = build_of(open_build(file.parent / "build", file=file))
    journal = DeployJournal().deployed(build, files, plan_of(file), ["hub", "leaf"])
    assert journal.left(plan_of(file)) == ()
    file.write_text("".join(x for x in file.read_text().splitlines(True) if "leaf:" not in x))
    assert journal.left(plan_of(file)) == ("leaf",)
    assert journal.without(["leaf"]).left(plan_of(file)) == ()


def test_a_node_that_has_another_name_has_not_left(file: Path) -> None:
    """It would be taken down and deployed at once."""
    build, files = build_of(open_build(file.parent / "build", file=file))
    journal = DeployJournal().deployed(build, files, plan_of(file), ["hub", "leaf"])
    file.write_text(file.read_text().replace("  leaf:", "  den:"))
    plan = plan_of(file)
    assert journal.left(plan) == ()
    after = journal.deployed("next", {"den": "1"}, plan, ["den"])
    assert sorted(after.nodes) == sorted(after.peers) == ["den", "hub"]
    assert after.left(plan) == ()


def test_the_file_of_a_node_that_was_not_deployed_stays_what_it_was(file: Path) -> None:
    """It has the old one still; whoever is served by hand is told of each new one once."""
    plan = plan_of(file)
    first = DeployJournal().deployed("a", {"hub": "1", "leaf": "1", "phone": "1"}, plan, ["leaf"])
    then = first.deployed("b", {"hub": "2", "leaf": "2", "phone": "2"}, plan, ["hub"])
    assert then.files == {"hub": "2", "leaf": "1", "phone": "2"}


def test_it_does_not_grow_for_ever(file: Path) -> None:
    journal = DeployJournal(builds=tuple(map(str, range(MOST_BUILDS))))
    after = journal.deployed("new", {}, plan_of(file), ["hub"])
    assert (len(after.builds), after.builds[0], after.builds[-1]) == (MOST_BUILDS, "1", "new")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"version": 2}', "<<<<<<< ours\n"])
def test_what_is_no_journal_is_refused(file: Path, text: str) -> None:
    journal_path(file).write_text(text)
    with pytest.raises(StateError, match="not a journal of deploys"):
        read_journal(file)


def test_who_deploys_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "alice")
    assert operator().startswith("alice@")
    assert replace(DeployJournal(), serial=3).number("x") == 4
