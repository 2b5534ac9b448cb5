"""Deploys that are killed in the middle: the controller while the node is at work, the node's
program at a change of a commit. What must hold afterwards is asserted here."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

from meshc.keys import PrivateKey
from tests.support.deadlines import window_is_over
from tests.support.deploynet import Field, more_sshd
from tests.support.killed_apply import WINDOW
from tests.support.netns import Namespace, login_path, wait_until

CHANGES = {"restart": 14, "sync": 16, "start": 10}
"""How many a commit makes that has to do this; one more is survived."""
STEPS = {"stage": 1, "commit": 2, "verify": 3, "confirm": 4}  # after the facts, each one request
PAIR = """\
meshc: 1
network: {{name: fieldnet, addresses: [10.44.0.0/24]}}
nodes:
  hub: {{endpoint: 198.51.100.1, mtu: {mtu}, deploy: {{host: 198.51.100.1, port: 2222}}}}
  public: {{endpoint: 198.51.100.2, deploy: {{host: 198.51.100.2}}}}
"""
# python3 of the node: at the request whose number is in /run/stop it says so and goes on later
_PAUSING = """\
#!/bin/sh
trap '' HUP
number=$(cat /run/number)
echo $((number + 1)) > /run/number
[ "$number" = "$(cat /run/stop)" ] || exec {python} "$@"
{take}touch /run/reached
sleep 2
exec {python} "$@" {given}
"""
_WHOLE = {
    True: {"take": "cat > /run/request\n", "given": "< /run/request"},
    False: {"take": "", "given": ""},
}


def killed_controllers(net: Field, ways: Sequence[tuple[str, bool]]) -> dict[tuple[str, bool], int]:
    """How much larger the MTU of `hub` is when the controller was killed at a step, whose request
    had arrived whole, or breaks off where the pipe to the program is full."""
    hub = net.machines["hub"]
    pausing = net.home / "bin" / "python3"
    pausing.parent.mkdir()
    more_sshd(net, "hub", 2222, f"{pausing.parent}:{login_path()}")
    hub.shell("echo 0 > /run/number; echo never > /run/stop")
    python = hub.run("env", f"PATH={login_path()}", "sh", "-c", "command -v python3").stdout.strip()
    ends = {}
    for step, whole in ways:
        pausing.write_text(_PAUSING.format(python=python, **_WHOLE[whole]))
        pausing.chmod(0o755)
        if not ends:
            net.write(PAIR.format(mtu=1300))
            net.build()
            net.deploy("--all")
            net.wait_for_traffic("hub", "public")
        ends[step, whole] = _killed_at(net, STEPS[step])
    return ends


def _killed_at(net: Field, number: int) -> int:
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


def killed_commits(net: Field, how: str, limits: Sequence[int]) -> list[str]:
    """The program on `hub` is killed at these changes of a commit, and the node is as it was
    before: an interface for each, all at once, because each waits for its own deadline. Returns
    how each ended: `killed` or `survived`."""
    hub, names = net.machines["hub"], [f"wgk{number}" for number in range(len(limits))]
    old = [_conf(number, 1300) for number in range(len(limits))]
    for number, text in enumerate(old):
        _put(net, f"/etc/wireguard/wgk{number}.conf", text)
    if how != "start":
        _all_of(hub, *(("wg-quick", "up", f"/etc/wireguard/{name}.conf") for name in names))
    before = [_runs(hub, number) for number in range(len(limits))]
    argv = []
    for number, limit in enumerate(limits):
        file = net.home / f"new{number}"
        file.write_text(_conf(number, 1300 if how == "sync" else 1350))
        argv += [names[number], str(file), str(limit)]
    done = hub.run(sys.executable, "-m", "tests.support.killed_apply", how, *argv)
    window_is_over(hub, *names)
    for number, name in enumerate(names):
        wait_until(lambda n=name: _over(hub, n), patience=240, what=name)
        assert hub.shell(f"cat /etc/wireguard/{name}.conf") == old[number]
        assert _runs(hub, number) == before[number], (name, limits[number])
    assert [name for name in net.leftovers("hub") if name.startswith(".")] == []
    return done.stdout.split()


def _all_of(machine: Namespace, *commands: Sequence[str]) -> None:
    """Beside each other."""
    started = [machine.start(*command, stderr=subprocess.DEVNULL) for command in commands]
    assert [one.wait(240) for one in started] == [0] * len(commands)


def _conf(number: int, mtu: int) -> str:
    """Another peer each time it is asked for."""
    peer = PrivateKey.generate()
    return (
        f"[Interface]\nPrivateKey = {_key(number).reveal()}\n"
        f"Address = 10.77.{number}.1/32\nMTU = {mtu}\n\n"
        f"[Peer]\nPublicKey = {peer.public_key()}\nAllowedIPs = 10.77.{number}.2/32\n"
    )


@cache
def _key(_: int) -> PrivateKey:
    return PrivateKey.generate()


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


def _over(machine: Namespace, name: str) -> bool:
    text = machine.shell(f"cat /var/lib/meshc/deploy/{name}/state.json", check=False)
    return json.loads(text or '{"state": ""}')["state"] in ("rolled-back", "confirmed")
