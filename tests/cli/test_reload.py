"""`meshc reload`: a changed file takes effect on what runs, and says what it did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshc.cli import main
from tests.support import wgconf
from tests.support.netns import Namespace, namespaces, needs_root

ADDRESS = "Address = 10.44.0.2/32"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return wgconf.write(tmp_path / "build" / "laptop", "wgload9", wgconf.interface(ADDRESS))


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["reload", *args])


def test_a_node_without_a_file_is_refused(tmp_path: Path) -> None:
    done = run("nobody", "--build", str(tmp_path))
    assert done.exit_code == 2
    assert "nobody" in done.stderr


def test_help_has_an_example() -> None:
    assert "Example: meshc reload laptop --dry-run" in run("--help").stdout


@pytest.fixture
def machine() -> Iterator[Namespace]:
    with namespaces("node") as (made,):
        yield made


def state(machine: Namespace) -> tuple[int, str]:
    mtu = machine.json("ip", "-j", "link", "show", "wgload9")[0]["mtu"]
    return mtu, machine.shell("ip route show dev wgload9").split(" ")[0].strip()


@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_a_dry_run_says_what_reload_then_does(machine: Namespace, path: Path) -> None:
    places = ("laptop", "--build", str(path.parents[1]))
    machine.meshc("up", *places, "--engine", "bundled")
    assert state(machine) == (1420, "")
    index = machine.json("ip", "-j", "link", "show", "wgload9")[0]["ifindex"]
    peer = wgconf.peer("AllowedIPs = 10.44.0.9/32")
    path.write_text(wgconf.interface(ADDRESS, "MTU = 1300") + peer)

    dry = machine.meshc("reload", *places, "--dry-run", "--json")
    assert state(machine) == (1420, "")
    done = machine.meshc("reload", *places, "--json")
    assert state(machine) == (1300, "10.44.0.9")
    assert json.loads(dry.stdout)["steps"] == json.loads(done.stdout)["steps"]
    assert machine.json("ip", "-j", "link", "show", "wgload9")[0]["ifindex"] == index

    again = machine.meshc("reload", *places)
    assert again.stdout == "wgload9: nothing to do, engine bundled\n"


@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_a_file_that_is_wrong_changes_nothing(machine: Namespace, path: Path) -> None:
    places = ("laptop", "--build", str(path.parents[1]))
    machine.meshc("up", *places, "--engine", "bundled")
    path.write_text(wgconf.interface(ADDRESS, "MTU = 1300", "Nonsense = 1"))
    done = machine.meshc("reload", *places, check=False)
    assert done.returncode == 2
    assert "Nonsense" in done.stderr
    assert state(machine) == (1420, "")


@pytest.mark.root
@needs_root[1]
@needs_root[2]
@pytest.mark.parametrize("flags", [(), ("--dry-run",)])
def test_a_node_that_is_not_up_is_refused_with_what_to_do(
    machine: Namespace, path: Path, flags: tuple[str, ...]
) -> None:
    places = ("--build", str(path.parents[1]))
    done = machine.meshc("reload", "laptop", *places, *flags, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "error: wgload9 is not up",
        f"  hint: bring it up: `meshc up {path}`",
    ]
