"""The interface on the node: who runs it, how it is started, stopped and changed."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping, Sequence

from meshc.deploy.protocol import RunningInterface, RunningPeer, Supervisor
from meshc.deploy.remote import peer_endpoints, units
from meshc.deploy.remote.base import clock, read, run
from meshc.deploy.remote.conf_lines import take_back
from meshc.deploy.remote.managed_interface import ManagedInterface


def is_up(interface: ManagedInterface) -> bool:
    # not by /sys, which in a container may show another network namespace
    return any(name == interface.name for _, name in socket.if_nameindex())


def running(interface: ManagedInterface) -> RunningInterface:
    """The interface as it is: up, by whom, its public key, its peers with their addresses."""
    if not is_up(interface):
        return RunningInterface()
    supervisor = _supervisor(interface)
    lines: list[str] = []
    if shutil.which("wg"):
        lines = run(["wg", "show", interface.name, "dump"], check=False).splitlines()
    if not lines:
        return RunningInterface(True, supervisor)
    _, public_key, port = lines[0].split("\t")[:3]
    peers = {}
    for line in lines[1:]:
        key, _, _, allowed, handshake = line.split("\t")[:5]
        prefixes = sorted(one for one in allowed.split(",") if one not in ("", "(none)"))
        peers[key] = RunningPeer(tuple(prefixes), int(handshake))
    return RunningInterface(True, supervisor, public_key, int(port), peers)


def _supervisor(interface: ManagedInterface) -> Supervisor:
    """Who brought the interface up: a unit, meshc or wg-quick."""
    ours = os.path.exists(f"/run/meshc/{interface.name}.json")
    return units.active(interface) or (Supervisor.MESHC if ours else Supervisor.WG_QUICK)


def start(
    interface: ManagedInterface,
    supervisor: Supervisor,
    env: Mapping[str, str],
    limit: float = 60.0,
) -> None:
    _bring_up(interface, supervisor, env, limit)
    peer_endpoints.set_again(interface)


def _bring_up(
    interface: ManagedInterface, supervisor: Supervisor, env: Mapping[str, str], limit: float
) -> None:
    if supervisor.unit:
        # a unit may be active still although its interface has gone
        units.control("restart", interface, supervisor, limit)
    elif supervisor is Supervisor.MESHC:
        engine = ["--engine", env["MESHC_ENGINE"]] if env.get("MESHC_ENGINE") else []
        run([*_lasting(), "meshc", "up", interface.conf, *engine], limit)
    else:
        run([*_lasting(), "wg-quick", "up", interface.conf], limit, env=dict(env))


def reload(interface: ManagedInterface, supervisor: Supervisor, limit: float = 60.0) -> None:
    """The difference to what runs, by meshc: sessions with unchanged peers go on."""
    if supervisor.unit:
        units.control("reload", interface, supervisor, limit)
    else:
        run([*_lasting(), "meshc", "reload", interface.conf], limit)


def _lasting() -> list[str]:
    """What to put before a program that leaves processes behind: systemd may end all that belongs
    to a login session, or to the watcher, but not what is in a scope of its own."""
    if units.runs() and shutil.which("systemd-run"):
        return ["systemd-run", "--quiet", "--collect", "--scope", "--"]
    return []


def stop(interface: ManagedInterface, limit: float = 60.0) -> None:
    """Down by the file that is there, and gone in any case."""
    supervisor = _supervisor(interface)
    if is_up(interface):
        peer_endpoints.save(interface)
    if supervisor.unit:
        run(["systemctl", "stop", units.name(interface, supervisor)], limit, check=False)
    units.forget_failures(interface)
    if is_up(interface):
        _take_down(interface, supervisor, limit)
    if supervisor in (Supervisor.WG_QUICK_UNIT, Supervisor.WG_QUICK):
        take_back((read(interface.conf) or b"").decode("utf-8", "replace"), interface.name)


def _take_down(interface: ManagedInterface, supervisor: Supervisor, limit: float) -> None:
    if supervisor is Supervisor.MESHC:
        run(["meshc", "down", interface.name], limit, check=False)
    elif supervisor is Supervisor.WG_QUICK and os.path.exists(interface.conf):
        run(["wg-quick", "down", interface.conf], limit, check=False)
    if is_up(interface):
        run(["ip", "link", "delete", "dev", interface.name], limit)
    control = f"/var/run/wireguard/{interface.name}.sock"
    end = clock() + 5
    while os.path.exists(control) and clock() < end:
        time.sleep(0.02)  # the userspace engine goes when its interface has gone


def sync(
    interface: ManagedInterface,
    add: Sequence[str],
    remove: Sequence[str],
    limit: float = 60.0,
) -> None:
    """`wg syncconf` and the routes that go with it: sessions with unchanged peers go on.

    syncconf takes away the key, the port and the mark that the file does not name, so that what
    runs is written in: a key that lives elsewhere, a port that the kernel chose, the mark by which
    wg-quick keeps a default route out of itself.
    """
    stripped = run(["wg-quick", "strip", interface.conf], limit)
    head = stripped.partition("[Peer]")[0].lower()
    options = {"PrivateKey": "private-key", "ListenPort": "listen-port", "FwMark": "fwmark"}
    for key, option in options.items():
        if key.lower() not in head:
            value = run(["wg", "show", interface.name, option], limit).strip()
            stripped = stripped.replace("[Interface]", f"[Interface]\n{key} = {value}", 1)
    with tempfile.NamedTemporaryFile(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as file:
        file.write(stripped.encode())
        file.flush()
        run(["wg", "syncconf", interface.name, file.name], limit)
    for prefix in remove:  # one that an address or a wider route covered was never there
        run(_route("delete", prefix, interface), limit, check=False)
    for prefix in add:
        run(_route("replace", prefix, interface), limit)


def _route(verb: str, prefix: str, interface: ManagedInterface) -> list[str]:
    family = "-6" if ":" in prefix else "-4"
    return ["ip", family, "route", verb, prefix, "dev", interface.name]
