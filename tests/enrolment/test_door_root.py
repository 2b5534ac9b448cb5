"""A relay and a new machine in namespaces, with tunnels that run: from invite to a node that is
reached, while whoever takes part is killed in between."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from meshc.keys import PrivateKey
from tests.support.deploynet import field
from tests.support.netns import Namespace, namespaces, needs_root, wait_until
from tests.support.wire import private_key

pytestmark = [*needs_root, pytest.mark.slow]

TEXT = """\
meshc: 1
network: {name: fieldnet, addresses: [10.44.0.0/24]}
nodes:
  hub: {role: relay, endpoint: 198.51.100.1, deploy: {host: 198.51.100.1, user: root}}
  phone: {platform: ios, public_key: "KEY"}
"""


def text() -> str:
    return TEXT.replace("KEY", private_key("phone").public_key())


def kill(namespace: Namespace, word: str) -> None:
    """SIGKILL to the processes in there whose command line has the word."""
    target = os.readlink(f"/proc/{namespace.pid}/ns/net")
    for entry in Path("/proc").iterdir():
        try:
            inside = entry.name.isdigit() and os.readlink(entry / "ns/net") == target
            if inside and word in (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode():
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:  # of others, or gone
            continue


def test_a_new_machine_behind_nat_comes_in_through_a_door(tmp_path: Path) -> None:
    """Its request, the relay's agent and the answer's road are each killed once; the controller
    reaches the relay by SSH."""
    with field(tmp_path, "hub", "home1") as net:
        file, hub, new = net.write(text()), net.machines["hub"], net.machines["home1"]
        build, keys = str(file.parent / "build"), tmp_path / "new/keys"
        net.build()
        # as a deploy leaves it on a relay that meshc runs
        hub.shell(
            "mount -t tmpfs tmpfs /opt; mkdir -p /opt/meshc/interfaces/wg0/bin;"
            f"ln -s {Path(sys.executable).parent}/meshc /opt/meshc/interfaces/wg0/bin/meshc"
        )
        hub.meshc("up", "hub", "--build", build, "--engine", "bundled")
        token = tmp_path / "token"
        invited = net.meshc("invite", "nas", "--via", "hub", "-o", str(token))
        assert "warning" not in invited.stderr, invited.stderr
        join = (
            *(sys.executable, "-m", "meshc", "join", str(token), "--wait", "300s", "--up"),
            *("--keys", str(keys), "--confs", str(tmp_path / "new/confs")),
        )
        first = new.start(*join)
        wait_until(lambda: "nas: asked" in net.meshc("enrol").stdout, what="a request at the door")
        first.kill()
        first.wait()
        kill(hub, "meshc.agent.watch")
        again = new.start(*join)
        net.meshc("enrol", "nas", "--yes")
        agent = hub.start(sys.executable, "-m", "meshc", "agent", "wg0")
        assert again.wait(300) == 0
        hub.meshc("reload", "hub", "--build", build)
        ping = ("ping", "-c1", "-W2", net.address("hub"))
        wait_until(lambda: new.run(*ping, check=False).returncode == 0, what="the way")
        wait_until(lambda: ":51900" not in hub.run("ss", "-uln").stdout, what="a shut door")
        agent.kill()
        agent.wait()
        new.meshc("down", "wg0")
    key = PrivateKey.parse((keys / "wg0.key").read_text())
    for path in tmp_path.rglob("*"):
        if path.is_file() and path != keys / "wg0.key":
            assert key.reveal().encode() not in path.read_bytes(), path


def test_behind_the_door_there_is_nothing_else(tmp_path: Path) -> None:
    """No interface, no address and no route is there for whoever holds a token."""
    file = tmp_path / "mesh.yaml"
    file.write_text(text())
    with namespaces("hub") as (hub,):
        hub.run("ip", "address", "add", "198.51.100.1/32", "dev", "lo")
        hub.meshc("build", str(file))
        hub.meshc("up", "hub", "--build", str(tmp_path / "build"), "--engine", "bundled")
        before = hub.shell("ip -o link; ip -o address; ip route; ip -6 route; ip rule")
        hub.meshc("invite", str(file), "nas", "--via", "hub", "--local")
        wait_until(lambda: ":51900" in hub.run("ss", "-uln").stdout, what="an open door")
        assert hub.shell("ip -o link; ip -o address; ip route; ip -6 route; ip rule") == before
        hub.meshc("enrol", str(file), "nas", "--refuse", "--local")
        wait_until(lambda: ":51900" not in hub.run("ss", "-uln").stdout, what="a shut door")
        hub.meshc("down", "wg0")
