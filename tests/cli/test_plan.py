"""`meshc plan`: what a deploy would change, in words and in its exit code, and no change."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshc.cli import main
from tests.support.deploys import mesh
from tests.support.localnode import LocalNode, local_node
from tests.support.netns import needs_root
from tests.support.workspaces import snapshot


def run(*args: object) -> Result:
    return CliRunner().invoke(main, ["plan", *map(str, args)])


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_node_that_cannot_be_reached_is_in_the_way(
    tmp_path: Path, closed_port: int, flags: tuple[str, ...]
) -> None:
    (tmp_path / "net").mkdir()
    config = tmp_path / "ssh_config"
    config.write_text("Host leaf\n  Hostname 127.0.0.1\n  IdentityAgent none\n")
    mesh(tmp_path / "net", way=f", port: {closed_port}")
    before = snapshot(tmp_path)
    done = run(tmp_path / "net/mesh.yaml", "leaf", "--ssh-config", config, *flags)
    assert done.exit_code == 1
    if flags:
        (row,) = json.loads(done.stdout)["nodes"]
        assert (row["node"], row["known"]) == ("leaf", False)
        assert [found["code"] for found in row["findings"]] == ["E701"]
    else:
        assert "leaf: not known" in done.stdout
        assert "E701" in done.stderr
    assert snapshot(tmp_path) == before


def test_a_topology_that_is_not_built_is_not_planned(tmp_path: Path) -> None:
    mesh(tmp_path)
    file = tmp_path / "mesh.yaml"
    file.write_text(file.read_text() + "  later: {}\n")
    done = run(file)
    assert done.exit_code == 2
    assert f"hint: build it and look at the changes first: meshc build {file}" in done.stderr


def test_a_topology_with_errors_is_refused_with_its_findings(tmp_path: Path) -> None:
    mesh(tmp_path)
    file = tmp_path / "mesh.yaml"
    file.write_text(file.read_text().replace("role: relay", "rolle: relay"))
    done = run(file)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "E110" in done.stderr


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LocalNode]:
    with local_node(tmp_path) as made:
        yield made


@pytest.mark.root
@needs_root[1]
@needs_root[2]
@pytest.mark.slow
def test_the_exit_code_says_whether_there_is_something_to_do(node: LocalNode) -> None:
    before = node.state()
    planned = node.meshc("plan")
    assert planned.returncode == 3
    assert "hub: starts: nothing runs there now" in planned.stdout
    assert "1 of 1 nodes change." in planned.stdout
    assert node.state() == before

    assert node.meshc("deploy", "--yes").returncode == 0
    assert node.meshc("plan").returncode == 0

    node.machine.shell("wg set wg0 listen-port 40404")
    planned = node.meshc("plan")
    assert planned.returncode == 3
    assert "ListenPort 51820 (now 40404)" in planned.stdout
    assert node.meshc("deploy", "--yes").returncode == 0
    assert node.meshc("plan").returncode == 0

    node.build(mtu=1300)
    kept = node.file.parent / "mtu.plan"
    planned = node.meshc("plan", "--json", "--diff", "-o", str(kept))
    assert planned.returncode == 3
    (row,) = json.loads(planned.stdout)["nodes"]
    assert (row["node"], row["cost"], row["changes"]) == ("hub", "restart", ["settings: mtu"])
    assert {"-MTU = 1420", "+MTU = 1300"} < set(row["patch"])

    node.machine.shell("wg set wg0 listen-port 40404")
    refused = node.machine.meshc("deploy", str(kept), "--local", check=False)
    assert refused.returncode == 1
    assert "hub: runs otherwise than when it was planned" in refused.stderr
    assert "ListenPort 51820 (now 40404)" in node.meshc("plan").stdout

    node.machine.shell("wg set wg0 listen-port 51820")
    assert node.machine.meshc("deploy", str(kept), "--local", check=False).returncode == 0
    assert node.meshc("plan").returncode == 0
