"""Names of endpoints, looked up outside of the tunnel.

The name servers of an exit user lie in the tunnel, and so does every way to others: when the
tunnel is dead, the name that would heal it cannot be found there. So the servers are asked that
the machine had before, over a socket with the mark of WireGuard's own packets.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from meshc.node.change import Change
from meshc.node.system.dns import FILE, RESOLV_CONF, RESOLVED, DnsSet, read_facts
from meshc.node.system.dns_query import AAAA, A, addresses, question
from meshc.node.system_values import is_literal

_HOSTS = Path("/etc/hosts")
_RESOLVCONF = (Path("/run/resolvconf/interface"), Path("/run/resolvconf/interfaces"))
_PORT = 53
_PATIENCE = 2.0
_MOST_SERVERS = 4
_LINK = re.compile(r"Link \d+ \((\S+)\): (.*)|Global: (.*)")


def outer_servers(recorded: Iterable[Change], interface: str) -> tuple[str, ...]:
    """The name servers that the machine has besides those of the interface."""
    own = [change for change in recorded if isinstance(change, DnsSet)]
    inner = {server for change in own for server in change.servers}
    found: list[str] = []
    for change in own:
        if change.manager == FILE and change.content:
            text = base64.b64decode(change.content).decode("utf-8", "replace")
            found += name_servers(text)
    manager = own[0].manager if own else read_facts().manager
    if manager == RESOLVED:
        found += _of_resolved(interface)
    elif manager != FILE:
        found += _of_resolvconf(interface)
    if RESOLV_CONF.is_file():
        found += name_servers(RESOLV_CONF.read_text(errors="replace"))
    outer = (one for one in found if one not in inner and not one.startswith("127."))
    return tuple(dict.fromkeys(outer))[:_MOST_SERVERS]


def name_servers(text: str) -> list[str]:
    """The addresses of a resolv.conf(5)."""
    words = (line.split() for line in text.splitlines())
    return [w[1] for w in words if w[:1] == ["nameserver"] and len(w) > 1 and _is_address(w[1])]


def look_up(host: str, servers: Iterable[str], mark: int) -> list[str]:
    """The addresses of a name by /etc/hosts, else by the first server that answers; empty when
    none does."""
    if is_literal(host):
        return [host]
    known = list(_by_hosts(host))
    if known:
        return known
    for server in servers:
        found = [_ask(server, host, kind, mark) for kind in (A, AAAA)]
        if any(one is not None for one in found):
            return [address for one in found for address in one or ()]
    return []


def _by_hosts(host: str) -> Iterator[str]:
    if not _HOSTS.is_file():
        return
    for line in _HOSTS.read_text(errors="replace").splitlines():
        words = line.partition("#")[0].lower().split()
        if host.lower() in words[1:] and is_literal(words[0]):
            yield words[0]


def _ask(server: str, host: str, kind: int, mark: int) -> tuple[str, ...] | None:
    """None when no answer came that may be believed."""
    asked = question(host, kind, int.from_bytes(os.urandom(2)))
    if asked is None:
        return None
    try:
        family, _, _, _, address = socket.getaddrinfo(
            server, _PORT, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
        )[0]
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            if mark:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
            # the kernel takes answers from that address alone
            sock.connect(address)
            sock.send(asked)
            deadline = time.monotonic() + _PATIENCE
            while (left := deadline - time.monotonic()) > 0:
                sock.settimeout(left)
                found = addresses(sock.recv(4096), asked)
                if found is not None:
                    return found
    except OSError:
        return None
    return None


def _of_resolved(interface: str) -> list[str]:
    if shutil.which("resolvectl") is None:
        return []
    done = subprocess.run(
        ["resolvectl", "dns"], capture_output=True, text=True, check=False, errors="replace"
    )
    found: list[str] = []
    for line in done.stdout.splitlines():
        match = _LINK.match(line.strip())
        if match is not None and match[1] != interface:
            # `192.0.2.53:53#name`: port and name belong to DNS over TLS
            words = (match[2] or match[3] or "").split()
            found += [w.partition("#")[0] for w in words if _is_address(w.partition("#")[0])]
    return found


def _of_resolvconf(interface: str) -> list[str]:
    found: list[str] = []
    for directory in _RESOLVCONF:
        for path in sorted(directory.glob("*")):
            if interface not in path.name.split("."):
                found += name_servers(path.read_text(errors="replace"))
    return found


def _is_address(text: str) -> bool:
    return is_literal(text.partition("%")[0])
