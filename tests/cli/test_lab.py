from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from meshc.cli.lab import lab
from meshc.lab.world import lab_state


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--uplink", "home=speed:9"], "is none of latency:ms"),
        (["--uplink", "loss:much"], "is none of latency:ms"),
        (["--uplink", "home=mtu:576"], "IPv6 needs an MTU of 1280"),
        (["--nat", "home=cone"], "KIND is one of"),
        (["--kill", "nobody"], "there is no such node"),
        (["--agents", "--runner", "wg-quick"], "agents belong to `--runner meshc`"),
    ],
)
def test_wrong_options_are_usage_errors(arguments: list[str], message: str, tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(
        "meshc: 1\nnetwork: {name: n, addresses: 10.0.0.0/24}\n"
        "nodes: {a: {endpoint: a.example.com}, b: {}}\n"
    )
    done = CliRunner().invoke(lab, ["test", str(file), *arguments])
    assert (done.exit_code, message in done.output) == (2, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mesh.yaml"]


def test_a_file_with_errors_ends_before_anything_is_built(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text("meshc: 1\nnetwork: {name: n, addresses: 10.0.0.0/24}\nnods: {}\n")
    done = CliRunner().invoke(lab, ["test", str(file)])
    assert done.exit_code == 2
    assert "mesh.yaml:3" in done.output


@pytest.mark.parametrize("command", ["up", "test", "exec", "status", "down", "capture"])
def test_every_command_has_an_example(command: str) -> None:
    done = CliRunner().invoke(lab, [command, "--help"])
    assert done.exit_code == 0
    assert "Example: meshc lab" in done.output


def test_without_a_lab_the_commands_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_state, "base_directory", lambda: tmp_path / "none")
    assert "no lab is up" in CliRunner().invoke(lab, ["status"]).output
    assert CliRunner().invoke(lab, ["status", "--json"]).output == (
        '{\n  "version": 1,\n  "labs": [],\n  "findings": []\n}\n'
    )
    done = CliRunner().invoke(lab, ["exec", "a", "--", "true"])
    assert (done.exit_code, "no such lab is up" in done.output) == (2, True)
    assert CliRunner().invoke(lab, ["down", "--all"]).exit_code == 0


@pytest.fixture
def two_labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """States of a lab that is up and of one that belongs to a `lab test`; their first processes
    do nothing."""
    monkeypatch.setattr(lab_state, "base_directory", lambda: tmp_path / "labs")
    children = []
    for name, linked in (("mine", False), ("tested", True)):
        children.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        lab_state.claim(name)
        lab_state.LabState(
            id=name,
            file=str(tmp_path / "mesh.yaml"),
            network="n",
            mode="root",
            pid=children[-1].pid,
            started=lab_state.process_start(children[-1].pid),
            created=0.0,
            nodes={},
            links={},
            interface="wg0",
            build="",
            linked=linked,
        ).save()
    yield "mine", "tested"
    for child in children:
        child.kill()
        child.wait()


@pytest.mark.parametrize("arguments", [[], ["FILE"], ["--id", "mine"]])
def test_down_leaves_the_lab_of_a_running_test_alone(
    arguments: list[str], two_labs: tuple[str, str], tmp_path: Path
) -> None:
    words = [str(tmp_path / "mesh.yaml") if word == "FILE" else word for word in arguments]
    done = CliRunner().invoke(lab, ["down", *words])
    assert done.output == "lab mine is down\n"
    assert [found.id for found in lab_state.all_labs()] == ["tested"]
    assert "no such lab is up" in CliRunner().invoke(lab, ["down"]).output
    assert CliRunner().invoke(lab, ["down", "--all"]).output == "lab tested is down\n"


def test_down_does_not_guess_between_labs(two_labs: tuple[str, str]) -> None:
    found = lab_state.load("tested")
    assert found is not None
    replace(found, linked=False).save()
    done = CliRunner().invoke(lab, ["down"])
    assert done.exit_code == 2
    assert "choose one with --id: mine, tested" in done.output
    assert len(list(lab_state.all_labs())) == 2


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed")
def test_a_network_that_is_proven_broken_does_not_pass_for_one_that_works(tmp_path: Path) -> None:
    """Both ends behind NATs: the proof says so, the lab measures it, and a CI must hear of it."""
    file = tmp_path / "mesh.yaml"
    file.write_text(
        "meshc: 1\nnetwork: {name: n, addresses: 10.0.0.0/24}\n"
        "nodes: {a: {nat: full_cone}, b: {endpoint: b.example.com, nat: full_cone}}\n"
    )
    done = CliRunner().invoke(lab, ["test", str(file), "--nat", "b=symmetric"])
    assert done.exit_code == 3
    assert "a → b, b → a: proven broken: a and b cannot shake hands" in done.output
    assert "measured equals proven, and the network is broken" in done.output


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed")
def test_ctrl_c_takes_the_lab_down_and_exits_as_shells_expect(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(
        "meshc: 1\nnetwork: {name: n, addresses: 10.0.0.0/24}\n"
        "nodes: {a: {endpoint: a.example.com}, b: {}}\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-m", "meshc", "lab", "test", str(file), "--recovery"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not any(found.file == str(file) for found in lab_state.all_labs()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert (running.returncode, said.splitlines()[-1]) == (130, "interrupted")
    assert not any(found.file == str(file) for found in lab_state.all_labs())
