"""A relay and a new machine in namespaces, with tunnels that run: from invite to a node that is
reached, while whoever takes part is killed in between."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from meshc.keys import PrivateKey
from tests.support.netns import Namespace, connect, namespaces, needs_root, require, wait_until
from tests.support.wire import private_key

pytestmark = [*needs_root, pytest.mark.slow]

TEXT = """\
meshc: 1
network: {name: demo, addresses: [10.44.0.0/24]}
nodes:
  hub: {role: relay, endpoint: 192.0.2.1}
  phone: {platform: ios, public_key: "KEY"}
"""


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


def test_a_new_machine_comes_in_through_a_door(tmp_path: Path) -> None:
    require("wg")
    text = TEXT.replace("KEY", private_key("phone").public_key())
    file = tmp_path / "mesh.yaml"
    file.write_text(text)
    build, keys, confs = str(tmp_path / "build"), tmp_path / "new/keys", tmp_path / "new/confs"
    with namespaces("hub", "new") as (hub, new):
        connect(hub, new, left_name="eth0", right_name="eth0")
        hub.run("ip", "address", "add", "192.0.2.1/24", "dev", "eth0")
        new.run("ip", "address", "add", "192.0.2.2/24", "dev", "eth0")
        hub.meshc("build", str(file))
        hub.meshc("up", "hub", "--build", build, "--engine", "bundled")
        invited = hub.meshc("invite", str(file), "nas", "--via", "hub", "--local")
        assert "no agent" not in invited.stderr
        token = tmp_path / "token"
        token.write_text(invited.stdout)
        join = ("join", str(token), "--keys", str(keys), "--confs", str(confs), "--wait", "300s")

        def state() -> str:
            return hub.meshc("enrol", str(file), "--local").stdout

        first = new.start(sys.executable, "-m", "meshc", *join)
        wait_until(lambda: "nas: asked" in state(), what="a request at the door")
        first.kill()
        first.wait()
        kill(hub, "meshc.agent.watch")
        again = new.start(sys.executable, "-m", "meshc", *join, "--up")
        hub.meshc("enrol", str(file), "nas", "--yes", "--local")
        agent = hub.start(sys.executable, "-m", "meshc", "agent", "wg0")
        assert again.wait(300) == 0
        hub.meshc("reload", "hub", "--build", build)
        wait_until(
            lambda: new.run("ping", "-c1", "-W2", "10.44.0.1", check=False).returncode == 0,
            what="the way to the relay",
        )
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
    file.write_text(TEXT.replace("KEY", private_key("phone").public_key()))
    with namespaces("hub") as (hub,):
        hub.run("ip", "address", "add", "192.0.2.1/32", "dev", "lo")
        hub.meshc("build", str(file))
        hub.meshc("up", "hub", "--build", str(tmp_path / "build"), "--engine", "bundled")
        before = hub.shell("ip -o link; ip -o address; ip route; ip -6 route; ip rule")
        hub.meshc("invite", str(file), "nas", "--via", "hub", "--local")
        wait_until(lambda: ":51900" in hub.run("ss", "-uln").stdout, what="an open door")
        assert hub.shell("ip -o link; ip -o address; ip route; ip -6 route; ip rule") == before
        hub.meshc("enrol", str(file), "nas", "--refuse", "--local")
        wait_until(lambda: ":51900" not in hub.run("ss", "-uln").stdout, what="a shut door")
        hub.meshc("down", "wg0")
