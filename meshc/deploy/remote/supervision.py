"""The interface on the node: who runs it, how it is started, stopped and changed."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from meshc.deploy.remote import units
from meshc.deploy.remote.base import Refusal, clock, read, run, write

_NAME = re.compile(r"[a-zA-Z0-9_=+.-]{1,15}")


class Node:
    """The files of one interface on this machine, and the state of its deployment."""

    def __init__(self, interface: str, conf_dir: str, state_dir: str) -> None:
        if not _NAME.fullmatch(interface) or interface in (".", ".."):
            raise Refusal(f"not the name of an interface: {interface!r}")
        self.interface = interface
        self.conf_dir, self.state_dir = conf_dir, state_dir
        self.conf = os.path.join(conf_dir, interface + ".conf")
        self.facts = os.path.join(conf_dir, "node.json")
        self.home = os.path.join(state_dir, interface)

    def load(self) -> dict[str, Any]:
        text = read(os.path.join(self.home, "state.json"))
        return json.loads(text) if text else {"phase": "none"}

    def save(self, state: dict[str, Any]) -> None:
        write(os.path.join(self.home, "state.json"), json.dumps(state).encode())

    def make_home(self) -> None:
        os.makedirs(os.path.dirname(self.state_dir.rstrip("/")), mode=0o755, exist_ok=True)
        for path in (self.state_dir, self.home):
            os.makedirs(path, mode=0o700, exist_ok=True)
            os.chmod(path, 0o700)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        with open(os.path.join(self.home, "lock"), "a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def node_of(request: dict[str, Any]) -> Node:
    return Node(request["interface"], request["conf_dir"], request["state_dir"])


def is_up(node: Node) -> bool:
    # not by /sys, which in a container may show another network namespace
    return any(name == node.interface for _, name in socket.if_nameindex())


def running(node: Node) -> dict[str, Any]:
    """The interface as it is: up, by whom, its public key, its peers with their addresses."""
    up = is_up(node)
    found: dict[str, Any] = {"up": up, "manner": "", "public_key": "", "port": 0, "peers": {}}
    if not up:
        return found
    found["manner"] = _manner(node)
    if shutil.which("wg"):
        lines = run(["wg", "show", node.interface, "dump"], check=False).splitlines()
        if lines:
            own = lines[0].split("\t")
            found["public_key"], found["port"] = own[1], int(own[2])
        for line in lines[1:]:
            key, _, _, allowed, handshake = line.split("\t")[:5]
            found["peers"][key] = {
                "allowed": sorted(allowed.replace("(none)", "").split(",")) if allowed else [],
                "handshake": int(handshake),
            }
    return found


def _manner(node: Node) -> str:
    """Who brought the interface up: a unit, meshc or wg-quick."""
    by_hand = "meshc" if os.path.exists(f"/run/meshc/{node.interface}.json") else "wg-quick"
    return units.active(node) or by_hand


def start(node: Node, manner: str, env: dict[str, str], limit: float = 60.0) -> None:
    if manner in units.MANNERS:
        # a unit may be active still although its interface has gone
        units.control("restart", node, manner, limit)
    elif manner == "meshc":
        engine = ["--engine", env["MESHC_ENGINE"]] if env.get("MESHC_ENGINE") else []
        run([*_lasting(), "meshc", "up", node.conf, *engine], limit)
    else:
        run([*_lasting(), "wg-quick", "up", node.conf], limit, env=env)


def reload(node: Node, manner: str, limit: float = 60.0) -> None:
    """The difference to what runs, by meshc: sessions with unchanged peers go on."""
    if manner in units.MANNERS:
        units.control("reload", node, manner, limit)
    else:
        run([*_lasting(), "meshc", "reload", node.conf], limit)


def _lasting() -> list[str]:
    """What to put before a program that leaves processes behind: systemd may end all that belongs
    to a login session, or to the watcher, but not what is in a scope of its own."""
    if units.runs() and shutil.which("systemd-run"):
        return ["systemd-run", "--quiet", "--collect", "--scope", "--"]
    return []


def stop(node: Node, limit: float = 60.0) -> None:
    """Down by the file that is there, and gone in any case."""
    manner = _manner(node)
    if manner in units.MANNERS:
        run(["systemctl", "stop", units.name(node, manner)], limit, check=False)
    units.forget_failures(node)
    if not is_up(node):
        return
    if manner == "meshc":
        run(["meshc", "down", node.interface], limit, check=False)
    elif manner == "wg-quick" and os.path.exists(node.conf):
        run(["wg-quick", "down", node.conf], limit, check=False)
    if is_up(node):
        run(["ip", "link", "delete", "dev", node.interface], limit)
    control = f"/var/run/wireguard/{node.interface}.sock"
    end = clock() + 5
    while os.path.exists(control) and clock() < end:
        time.sleep(0.02)  # the userspace engine goes when its interface has gone


def sync(node: Node, add: list[str], remove: list[str], limit: float = 60.0) -> None:
    """`wg syncconf` and the routes that go with it: sessions with unchanged peers go on.

    syncconf takes away the key and the port that the file does not name, so that what runs is
    written in: a key that lives elsewhere, a port that the kernel chose.
    """
    stripped = run(["wg-quick", "strip", node.conf], limit)
    head = stripped.partition("[Peer]")[0].lower()
    for key, option in (("PrivateKey", "private-key"), ("ListenPort", "listen-port")):
        if key.lower() not in head:
            value = run(["wg", "show", node.interface, option], limit).strip()
            stripped = stripped.replace("[Interface]", f"[Interface]\n{key} = {value}", 1)
    with tempfile.NamedTemporaryFile(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as file:
        file.write(stripped.encode())
        file.flush()
        run(["wg", "syncconf", node.interface, file.name], limit)
    for prefix in remove:  # one that an address or a wider route covered was never there
        run(_route("delete", prefix, node), limit, check=False)
    for prefix in add:
        run(_route("replace", prefix, node), limit)


def _route(verb: str, prefix: str, node: Node) -> list[str]:
    family = "-6" if ":" in prefix else "-4"
    return ["ip", family, "route", verb, prefix, "dev", node.interface]
