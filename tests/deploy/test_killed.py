"""Killed in the middle: the controller while the node is at work, the node's program at any of its
changes. The node ends as it was, or as the confirmed new one, and nothing lies beside."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from meshc.keys import PrivateKey
from tests.support.deadlines import window_is_over
from tests.support.deploynet import Field, field, more_sshd
from tests.support.killed_apply import WINDOW
from tests.support.netns import Namespace, needs_root, wait_until

pytestmark = [*needs_root, pytest.mark.slow(40)]

PAIR = """\
meshc: 1
network: {{name: fieldnet, addresses: [10.44.0.0/24]}}
nodes:
  hub: {{endpoint: 198.51.100.1, mtu: {mtu}, deploy: {{host: 198.51.100.1, port: 2222}}}}
  public: {{endpoint: 198.51.100.2, deploy: {{host: 198.51.100.2}}}}
"""
# python3 of the node: at the request whose number is in /run/stop it says so and goes on later
PAUSING = """\
#!/bin/sh
trap '' HUP
number=$(cat /run/number)
echo $((number + 1)) > /run/number
[ "$number" = "$(cat /run/stop)" ] || exec {python} "$@"
{take}touch /run/reached
sleep 2
exec {python} "$@" {given}
"""
STEPS = {"stage": 1, "commit": 2, "verify": 3, "confirm": 4}  # after the facts, each one request


WHOLE = {
    True: {"take": "cat > /run/request\n", "given": "< /run/request"},
    False: {"take": "", "given": ""},
}


def test_the_controller_is_killed_while_the_node_is_at_work(tmp_path: Path) -> None:
    """The request has arrived whole, or breaks off where the pipe to the program is full."""
    with field(tmp_path, "hub", "public") as net:
        hub = net.machines["hub"]
        pausing = tmp_path / "bin" / "python3"
        pausing.parent.mkdir()
        more_sshd(net, "hub", 2222, f"{pausing.parent}:/usr/sbin:/usr/bin:/sbin:/bin")
        hub.shell("echo 0 > /run/number; echo never > /run/stop")
        ends = {}
        for whole, words in WHOLE.items():
            pausing.write_text(PAUSING.format(python=sys.executable, **words))
            pausing.chmod(0o755)
            if whole:
                net.write(PAIR.format(mtu=1300))
                net.build()
                net.deploy("--all")
                net.wait_for_traffic("hub", "public")
            for step, number in STEPS.items():
                ends[step, whole] = _killed_at(net, number)
        assert {step for step, change in ends.items() if change} == {("confirm", True)}


def _killed_at(net: Field, number: int) -> int:
    """How much larger the MTU is in the end."""
    hub = net.machines["hub"]
    old = _mtu(hub, "wg0")
    net.write(PAIR.format(mtu=old + 1))
    net.build()
    hub.shell(f"rm -f /run/reached; echo 0 > /run/number; echo {number} > /run/stop")
    command = ["deploy", str(net.file), "hub", "--yes", "--window", str(WINDOW)]
    with net.controller.start(sys.executable, "-m", "meshc", *command, *net.options()) as deploying:
        wait_until(
            lambda: hub.shell("ls /run/reached", check=False) != "", patience=180, what="the step"
        )
        time.sleep(0.5)  # what it has to say is on its way
        deploying.kill()
    wait_until(lambda: not _at_work(hub), patience=90, what="the end of the request")
    window_is_over(hub)
    wait_until(lambda: _over(hub, "wg0"), patience=90, what="the end")
    now = _mtu(hub, "wg0")
    assert f"MTU = {now}\n" in hub.shell("cat /etc/wireguard/wg0.conf")
    assert net.leftovers("hub") == ["node.json", "wg0.conf"]
    net.wait_for_traffic("hub", "public")
    return now - old


@pytest.mark.parametrize(("how", "changes"), [("restart", 24), ("sync", 24), ("start", 20)])
def test_the_program_is_killed_at_each_change_of_a_commit(
    tmp_path: Path, how: str, changes: int
) -> None:
    """An interface for each change, all at once, because each waits for its own deadline."""
    with field(tmp_path, "hub") as net:
        hub = net.machines["hub"]
        old = [_conf(number, 1300) for number in range(changes)]
        new = [_conf(number, 1300 if how == "sync" else 1350) for number in range(changes)]
        for number, text in enumerate(old):
            _put(net, f"/etc/wireguard/wgk{number}.conf", text)
            if how != "start":
                hub.run("wg-quick", "up", f"/etc/wireguard/wgk{number}.conf")
        before = [_runs(hub, number) for number in range(changes)]
        ended = []
        for number, text in enumerate(new):
            file = tmp_path / f"new{number}"
            file.write_text(text)
            argv = (f"wgk{number}", how, str(file), str(number))
            done = hub.run(sys.executable, "-m", "tests.support.killed_apply", *argv, check=False)
            assert done.returncode in (0, -9), done.stderr
            ended.append(done.stdout.strip())
        assert ended[0] == ""
        assert ended[-1] == "survived", "more changes than are tried here"
        window_is_over(hub, *(f"wgk{number}" for number in range(changes)))
        for number in range(changes):
            name = f"wgk{number}"
            wait_until(lambda n=name: _over(hub, n), patience=240, what=name)
            assert hub.shell(f"cat /etc/wireguard/{name}.conf") == old[number]
            assert _runs(hub, number) == before[number], (name, ended[number])
        assert [name for name in net.leftovers("hub") if name.startswith(".")] == []


def _conf(number: int, mtu: int) -> str:
    """Another peer each time it is asked for."""
    key, peer = PrivateKey.generate(), PrivateKey.generate()
    return (
        f"[Interface]\nPrivateKey = {_KEYS.setdefault(number, key).reveal()}\n"
        f"Address = 10.77.{number}.1/32\nMTU = {mtu}\n\n"
        f"[Peer]\nPublicKey = {peer.public_key()}\nAllowedIPs = 10.77.{number}.2/32\n"
    )


_KEYS: dict[int, PrivateKey] = {}


def _put(net: Field, path: str, text: str) -> None:
    file = net.home / "put"
    file.write_text(text)
    net.machines["hub"].run("install", "-m", "600", str(file), path)


def _runs(machine: Namespace, number: int) -> Any:
    """The interface as it is: its key, peers, addresses, MTU, routes."""
    name = f"wgk{number}"
    shown = machine.run("wg", "show", name, "dump", check=False).stdout.split("\n")
    peers = [line.split("\t")[:4] for line in shown[1:]]
    links = machine.run("ip", "-j", "addr", "show", name, check=False).stdout or "[]"
    found = [
        (link["mtu"], [a["local"] for a in link["addr_info"] if a["scope"] == "global"])
        for link in json.loads(links)
    ]
    routes = machine.run("ip", "route", "show", "dev", name, check=False).stdout
    return shown[0].split("\t")[:2], peers, found, routes


def _mtu(machine: Namespace, name: str) -> int:
    mtu: int = machine.json("ip", "-j", "link", "show", name)[0]["mtu"]
    return mtu


def _at_work(machine: Namespace) -> bool:
    """Whether a request is still being done there; the watcher is no request."""
    return any("sys.stdin.buffer" in line for line in machine.processes())


def _state(machine: Namespace, name: str) -> Any:
    text = machine.shell(f"cat /var/lib/meshc/deploy/{name}/state.json", check=False)
    return json.loads(text or '{"state": ""}')


def _over(machine: Namespace, name: str) -> bool:
    return _state(machine, name)["state"] in ("rolled-back", "confirmed")
