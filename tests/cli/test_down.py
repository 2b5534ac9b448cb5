"""`meshc down`: what `up` made is gone, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshc.cli import main
from tests.support import wgconf
from tests.support.netns import Namespace, namespaces, needs_root


@pytest.fixture
def build(tmp_path: Path) -> Path:
    wgconf.write(
        tmp_path / "build" / "laptop", "wgdown9", wgconf.interface("Address = 10.44.0.2/32")
    )
    return tmp_path / "build"


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["down", *args])


def test_a_path_that_is_no_file_is_refused(build: Path) -> None:
    done = run("no/such/file.conf", "--build", str(build))
    assert (done.exit_code, "there is no file" in done.stderr) == (2, True)


def test_help_has_an_example() -> None:
    assert "Example: meshc down wg0" in run("--help").stdout


@pytest.fixture
def machine() -> Iterator[Namespace]:
    with namespaces("node") as (made,):
        yield made


def links(machine: Namespace) -> list[str]:
    return sorted(link["ifname"] for link in machine.json("ip", "-j", "link"))


@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_a_dry_run_says_what_down_then_does(machine: Namespace, build: Path) -> None:
    places = ("laptop", "--build", str(build))
    machine.shell("ip link add other type bridge")
    machine.meshc("up", *places, "--engine", "bundled")
    dry = machine.meshc("down", *places, "--dry-run", "--json")
    assert links(machine) == ["lo", "other", "wgdown9"]
    done = machine.meshc("down", *places, "--json")
    assert links(machine) == ["lo", "other"]
    planned, outcome = json.loads(dry.stdout), json.loads(done.stdout)
    assert (planned.pop("dry_run"), outcome.pop("dry_run")) == (True, False)
    assert planned == outcome
    assert any("create wgdown9" in step for step in outcome["steps"])


@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_what_another_program_made_stays(machine: Namespace, build: Path) -> None:
    machine.shell("ip link add wgdown9 type bridge")
    done = machine.meshc("down", "wgdown9", "--build", str(build), check=False)
    assert done.returncode == 2
    assert "was not brought up by meshc" in done.stderr
    assert "wgdown9" in links(machine)


@pytest.mark.root
@needs_root[1]
@needs_root[2]
@pytest.mark.parametrize("target", ["laptop", "wgdown9"])
def test_a_node_or_an_interface_that_is_not_up_needs_nothing(
    machine: Namespace, build: Path, target: str
) -> None:
    done = machine.meshc("down", target, "--build", str(build))
    assert done.stdout == "wgdown9: nothing to do\n"
    assert done.stderr == "note: wgdown9 is not up\n"
