"""A survey of the machine around the interface: what others have there that is in its way.

Looks, and changes nothing. A tool that is not there, or says nothing, leaves its part of the answer
empty: what cannot be known keeps nobody from a deploy.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from typing import Any

from meshc.deploy.machine_facts import ForeignDrop, ForeignRoute, MachineFacts, MachineQuestion
from meshc.deploy.remote.base import Refusal, read, run
from meshc.deploy.remote.managed_interface import ManagedInterface
from meshc.node.firewall_obstacle import FirewallTexts, obstacles_in

_SWITCHES = {4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding"}
_VALID_MARK = "/proc/sys/net/ipv4/conf/all/src_valid_mark"
_TUNNELS = ("wireguard", "tun", "gre", "gretap", "ipip", "sit", "vti", "xfrm", "vxlan", "geneve")
_MOST_ROUTES, _MOST_TUNNELS = 2000, 100
_LIMIT = 10.0  # seconds for a tool that only shows something


def machine_facts(interface: ManagedInterface, question: MachineQuestion) -> MachineFacts:
    families = (4, 6) if ipv6_is_on() else (4,)
    texts = FirewallTexts(_saved, objects(["nft", "-j", "list", "ruleset"], "nftables"))
    drops = obstacles_in(texts, question.port, question.forwards, interface.name, families)
    return MachineFacts(
        time=int(time.time()),
        ipv6=ipv6_is_on(),
        holder=holder(interface, question.port) if question.port else "",
        drops=tuple(ForeignDrop(*one) for one in drops),
        routes=tuple(_routes(interface)),
        path_mtu=_path_mtus(interface, question.endpoints),
        closed=tuple(path for one in question.forwards if (path := _closed(one))),
        valid_mark=_locked(_VALID_MARK),
        tunnels=_tunnels(interface),
    )


def ipv6_is_on() -> bool:
    """Whether the kernel has it, and new interfaces get it."""
    if not os.path.exists("/proc/sys/net/ipv6"):
        return False
    values = (read(f"/proc/sys/net/ipv6/conf/{where}/disable_ipv6") for where in ("all", "default"))
    return all((value or b"0").strip() != b"1" for value in values)


def holder(interface: ManagedInterface, port: int) -> str:
    """Who listens at the UDP port; empty: nobody, or the interface itself."""
    inodes = set(_sockets_at(port))
    if not inodes or _listens(interface.name) == port:
        return ""
    for name in _wireguards():
        if name != interface.name and _listens(name) == port:
            return f"the WireGuard interface {name}"
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for pid in sorted(filter(str.isdigit, os.listdir("/proc")), key=int):
        with contextlib.suppress(OSError):  # processes end while they are looked at
            for descriptor in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{descriptor}") in wanted:
                    name = (read(f"/proc/{pid}/comm") or b"").decode("utf-8", "replace").strip()
                    return f"{name} (process {pid})"
    return "the kernel, for another tunnel"


def _sockets_at(port: int) -> Iterator[str]:
    for table in ("udp", "udp6"):
        lines = (read(f"/proc/thread-self/net/{table}") or b"").decode().splitlines()[1:]
        for words in map(str.split, lines):
            if int(words[1].rpartition(":")[2], 16) == port:
                yield words[9]


def _wireguards() -> list[str]:
    return shown(["wg", "show", "interfaces"]).split()


def _listens(name: str) -> int:
    text = shown(["wg", "show", name, "listen-port"]).strip()
    return int(text) if text.isdigit() else 0


def _saved(program: str) -> str:
    return shown([f"{program}-save"])


def _routes(interface: ManagedInterface) -> Iterator[ForeignRoute]:
    """Those of the main table, but for default routes and our own."""
    for family, length in (("-4", "32"), ("-6", "128")):
        found = objects(["ip", "-j", family, "route", "show", "table", "main"])
        for route in found[:_MOST_ROUTES]:
            prefix, device = str(route.get("dst", "")), str(route.get("dev", ""))
            if prefix in ("", "default") or device in ("", "lo", interface.name):
                continue
            if prefix.startswith(("fe80:", "ff00:")):
                continue
            metric = route.get("metric", 0)
            yield ForeignRoute(
                prefix if "/" in prefix else f"{prefix}/{length}",
                device,
                metric if isinstance(metric, int) else 0,
            )


def _path_mtus(interface: ManagedInterface, endpoints: tuple[str, ...]) -> dict[str, int]:
    """Of the ways to these addresses: that of the route where it has one, else of its device. What
    the kernel has learned of the path counts as well."""
    found: dict[str, int] = {}
    devices = {}
    for link in objects(["ip", "-j", "link", "show"]):
        devices[link.get("ifname")] = link.get("mtu")
    for address in endpoints:
        for route in objects(["ip", "-j", "route", "get", address])[:1]:
            device = route.get("dev")
            metrics = [one.get("mtu") for one in route.get("metrics", ()) if isinstance(one, dict)]
            mtu = next(filter(None, metrics), devices.get(device))
            if device != interface.name and isinstance(mtu, int):
                found[address] = mtu
    return found


def _closed(family: int) -> str:
    """The switch of forwarding, where it is off and cannot be written."""
    path = f"/proc/sys/{_SWITCHES[family]}"
    return path if _locked(path) == "0" else ""


def _locked(path: str) -> str:
    """The value of a setting that nobody may write; empty for one that can be written."""
    try:
        if os.access(path, os.W_OK) and not os.statvfs(path).f_flag & os.ST_RDONLY:
            return ""
    except OSError:
        return ""
    return (read(path) or b"").strip().decode("ascii", "replace")[:9]


def _tunnels(interface: ManagedInterface) -> dict[str, str]:
    found: dict[str, str] = {}
    for link in objects(["ip", "-j", "-d", "link", "show"]):
        info = link.get("linkinfo")
        kind = info.get("info_kind") if isinstance(info, dict) else ""
        name = str(link.get("ifname", ""))
        if kind in _TUNNELS and name != interface.name and len(found) < _MOST_TUNNELS:
            found[name] = str(kind)
    return found


def objects(argv: list[str], below: str = "") -> list[dict[str, Any]]:
    """The objects of the list that a tool shows as JSON, or has `below` a name."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        found = json.loads(shown(argv) or "[]")
        listed = found[below] if below else found
        return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return []


def shown(argv: list[str]) -> str:
    """Empty where the tool is not there, or fails."""
    if shutil.which(argv[0]) is None:
        return ""
    with contextlib.suppress(Refusal):
        return run(argv, _LIMIT)
    return ""
