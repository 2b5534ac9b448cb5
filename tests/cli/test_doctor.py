"""`meshc doctor`: everything that is in the way on a machine, in words and in its exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from meshc.cli import main
from tests.support.deploys import mesh
from tests.support.localnode import LocalNode, local_node
from tests.support.netns import needs_root, wait_until

MESH = """\
meshc: 1
network: {name: testnet, addresses: [10.44.0.0/24]}
nodes:
  hub: {role: relay, endpoint: 198.51.100.1, deploy: {supervisor: wg-quick}}
  lan: {endpoint: 198.51.100.9, routes: [172.16.0.0/12]}
"""
TAKEN = "import socket, time; s = socket.socket(type=2); s.bind(('', 51820)); time.sleep(1000)"


def test_a_node_that_cannot_be_asked_is_not_known(tmp_path: Path) -> None:
    config = tmp_path / "ssh_config"
    config.write_text("Host leaf\n  Hostname 127.0.0.1\n  Port 1\n  IdentityAgent none\n")
    (tmp_path / "net").mkdir()
    mesh(tmp_path / "net")
    argv = ["doctor", str(tmp_path / "net/mesh.yaml"), "leaf", "--ssh-config", str(config)]
    done = CliRunner().invoke(main, argv)
    assert done.exit_code == 1
    assert "leaf: not known" in done.stdout
    assert "E701" in done.stderr


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LocalNode]:
    with local_node(tmp_path) as made:
        made.file.write_text(MESH)
        made.machine.meshc("build", str(made.file))
        made.machine.shell(
            "ip link add eth0 type veth peer name far0; ip link set far0 up; ip link set eth0 up;"
            "ip addr add 198.51.100.1/24 dev eth0"
        )
        yield made


@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_everything_in_the_way_is_said_by_doctor_plan_and_deploy(node: LocalNode) -> None:
    """And before anything is touched; nothing of it on a machine where all is well."""
    well = node.meshc("doctor")
    assert (well.returncode, well.stderr) == (0, "")
    assert "hub: nothing in the way" in well.stdout
    node.machine.shell(
        "iptables -P INPUT DROP; ip link set eth0 mtu 1400;"
        "ip tuntap add dev t0 mode tun; ip link set t0 up;"
        "ip route add 172.17.0.0/16 dev t0; mount --bind /proc/sys /proc/sys;"
        "sysctl -qw net.ipv4.ip_forward=0; mount -o remount,bind,ro /proc/sys"
    )
    before = node.state()
    with node.machine.start(sys.executable, "-c", TAKEN) as taken:
        wait_until(lambda: ":51820 " in node.machine.shell("ss -Hanu"))
        said = {verb: node.meshc(verb, "--json") for verb in ("doctor", "plan", "deploy")}
        words = node.meshc("doctor")
        taken.kill()
    wanted = ["E711", "E713", "W714", "W715", "W716"]
    for verb, done in said.items():
        assert done.returncode == 1, verb
        (row,) = json.loads(done.stdout)["nodes"]
        assert [found["code"] for found in row["findings"]] == wanted, verb
        assert all(found["hint"] for found in row["findings"])
    assert node.state() == before
    assert words.returncode == 1
    assert "hub: 5 things in the way" in words.stdout
    assert "other tunnels: t0 (tun)" in words.stdout
    assert "taken there by" in words.stderr
    assert f"(process {taken.pid})" in words.stderr


@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_a_firewall_in_the_way_is_not_the_deploys_affair_and_not_success(node: LocalNode) -> None:
    node.machine.shell("iptables -P INPUT DROP")
    planned = node.meshc("plan")
    assert planned.returncode == 1
    assert "W714" in planned.stderr
    done = node.meshc("deploy", "--yes")
    assert "hub: deployed" in done.stdout
    assert done.returncode == 1
    node.machine.shell("iptables -P INPUT ACCEPT")
    assert node.meshc("plan").returncode == 0
    assert node.meshc("deploy", "--yes").returncode == 0
