"""`meshc up`: arguments in, outcome and exit code out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from meshc import node
from meshc.cli import main
from meshc.errors import NodeError
from meshc.node import LifecycleOutcome
from tests.support import wgconf

STEPS = ("create wg0 (auto)", "address 10.44.0.1/32 on wg0")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, dict[str, Any]]]:
    """What the command asked of `meshc.node`."""
    heard: list[tuple[Any, dict[str, Any]]] = []

    def call(target: Any, **options: Any) -> LifecycleOutcome:
        heard.append((target, options))
        dry_run = options.get("dry_run", False)
        return LifecycleOutcome("wg0", "laptop", "kernel", STEPS, ("by the way",), dry_run)

    monkeypatch.setattr(node, "up", call)
    return heard


@pytest.fixture
def build(tmp_path: Path) -> Path:
    wgconf.write(tmp_path / "build" / "laptop", "wg0", wgconf.interface())
    return tmp_path / "build"


def run(*args: str) -> Any:
    return CliRunner().invoke(main, args)


def test_up_finds_the_node_and_says_what_it_did(calls: list[Any], build: Path) -> None:
    done = run("up", "laptop", "--build", str(build), "--engine", "bundled")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "  create wg0 (auto)",
        "  address 10.44.0.1/32 on wg0",
        "laptop (wg0): up, engine kernel",
    ]
    assert done.stderr == "note: by the way\n"
    ((path, options),) = calls
    assert path == build / "laptop" / "wg0.conf"
    assert (options["engine"], options["dry_run"], options["watch"]) == ("bundled", False, True)


def test_a_dry_run_says_so(calls: list[Any], build: Path) -> None:
    done = run("up", "laptop", "--build", str(build), "--dry-run")
    assert "would change" in done.stdout
    assert calls[0][1]["dry_run"] is True


def test_json_is_the_outcome(calls: list[Any], build: Path) -> None:
    done = run("up", "laptop", "--build", str(build), "--json")
    assert json.loads(done.stdout)["steps"] == list(STEPS)


def test_errors_have_a_hint_and_exit_code_2(monkeypatch: pytest.MonkeyPatch, build: Path) -> None:
    def fail(*args: object, **options: object) -> None:
        error = NodeError("it is broken", hint="mend it")
        error.add_note("and so is that")
        raise error

    monkeypatch.setattr(node, "up", fail)
    done = run("up", "laptop", "--build", str(build))
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        "error: it is broken",
        "  and so is that",
        "  hint: mend it",
    ]
    missing = run("up", "nobody", "--build", str(build))
    assert missing.exit_code == 2
    assert "/etc/wireguard/nobody.conf" in missing.stderr


def test_help_has_an_example() -> None:
    done = run("up", "--help")
    assert done.exit_code == 0
    assert "Example" in done.stdout
