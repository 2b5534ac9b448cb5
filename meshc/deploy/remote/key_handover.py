"""The key handover: a node's key changes, and each of its peers follows with its first new session.

Two keys cannot hold one prefix, and a session with the new key can only be made when both ends
know it. So where an armed change gives peers other keys, each of those is added without a prefix
first; as soon as it has a session, it takes over what the old one has, and until then that has
it. What the node itself sends goes on in the meantime: it waits for the new session, and what
comes to it is read with the old one. The file says all of this at once, and is put to work when the
handover is over.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import os
import socket
import tempfile
import time
from typing import NamedTuple

from meshc.deploy.protocol import RunningInterface
from meshc.deploy.remote.base import Refusal, clock, run
from meshc.deploy.remote.conf_lines import sections, settings
from meshc.deploy.remote.managed_interface import ManagedInterface
from meshc.deploy.remote.supervision import running
from meshc.deploy.remote.x25519 import public_of

FOLLOW = 6.0
"""Seconds in which the node of a new key begins its sessions; without one by then, as the file
says. Longer than `joint_rollout.LEAD`, by what a busy machine needs for the rest."""
_LOOK = 0.001
_DISCARD = 9


class Section(NamedTuple):
    """One [Peer] of the file; what it does not say is empty."""

    key: str
    psk: str
    prefixes: tuple[str, ...]
    keepalive: str


def hand_over(interface: ManagedInterface, conf: str) -> None:
    """From what runs towards `conf`, as far as keys go. Raises: Refusal."""
    now = running(interface)
    head, *rest = sections(conf)
    peers = [_section(text) for text in rest]
    own = settings("[" + head, "PrivateKey")
    device = _device(interface)
    if own and now.public_key and _public(own[0]) != now.public_key:
        _begin_anew(device, own[0], [peer for peer in peers if peer.key in now.peers])
    else:
        _follow(device, _heirs(peers, now))


def _begin_anew(device: _Device, private: str, peers: list[Section]) -> None:
    """The new key, and a session with everybody. Pre-shared keys come first: a session that begins
    between the two would have the old ones."""
    device.preshared_keys(peers)
    device.private_key(private)
    for peer in peers:
        _call(peer.prefixes)


def _follow(device: _Device, heirs: dict[str, Section]) -> None:
    """Each takes over when it has its session."""
    if not heirs:
        return
    device.add([heir._replace(prefixes=()) for heir in heirs.values()])
    left, end = dict(heirs), clock() + FOLLOW
    while left and clock() < end:
        there = device.sessions() & frozenset(left)
        if there:
            device.add([left.pop(key) for key in sorted(there)])
        else:
            time.sleep(_LOOK)


def _heirs(peers: list[Section], now: RunningInterface) -> dict[str, Section]:
    """The peers that are new and get what belongs to one that goes: all that it has now, which an
    agent may have moved."""
    kept = {peer.key for peer in peers}
    going = [set(peer.allowed) for key, peer in now.peers.items() if key not in kept]
    heirs = {}
    for peer in peers:
        left = [owned for owned in going if owned.intersection(peer.prefixes)]
        if peer.key not in now.peers and left:
            heirs[peer.key] = peer._replace(prefixes=tuple(sorted(set().union(*left))))
    return heirs


def _call(prefixes: tuple[str, ...]) -> None:
    """One datagram to where a peer is, which nobody there has to hear: a session begins."""
    hosts = [one for one in prefixes if one.endswith(("/32", "/128"))] or list(prefixes)
    for one in hosts[:1]:
        address = one.partition("/")[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            out.sendto(b"", (address, _DISCARD))


def _section(text: str) -> Section:
    text = "[" + text
    allowed = ",".join(settings(text, "AllowedIPs"))
    prefixes = [_prefix(one.strip()) for one in allowed.split(",") if one.strip()]
    return Section(
        "".join(settings(text, "PublicKey")[-1:]),
        "".join(settings(text, "PresharedKey")[-1:]),
        tuple(prefixes),
        "".join(settings(text, "PersistentKeepalive")[-1:]),
    )


def _prefix(text: str) -> str:
    """As wg(8) shows it."""
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise Refusal(f"not a prefix: {text!r}") from None


def _public(private: str) -> str:
    return base64.b64encode(public_of(base64.b64decode(private))).decode()


class _Device:
    """The running interface, through wg(8), as with the kernel."""

    def __init__(self, name: str) -> None:
        self._name = name

    def add(self, peers: list[Section]) -> None:
        """These, with these prefixes and no others; where they are is left alone."""
        self._file(["addconf"], "".join(map(_text, peers)))

    def preshared_keys(self, peers: list[Section]) -> None:
        """Those of peers that are there."""
        self.add(peers)

    def private_key(self, key: str) -> None:
        self._file(["set", "private-key"], key + "\n")

    def sessions(self) -> frozenset[str]:
        """The keys with which a handshake was made."""
        lines = run(["wg", "show", self._name, "latest-handshakes"]).splitlines()
        return frozenset(line.split("\t")[0] for line in lines if not line.endswith("\t0"))

    def _file(self, words: list[str], text: str) -> None:
        """A key is no argument of a program."""
        place = "/dev/shm" if os.path.isdir("/dev/shm") else None
        with tempfile.NamedTemporaryFile(dir=place) as file:
            file.write(text.encode())
            file.flush()
            run(["wg", words[0], self._name, *words[1:], file.name])


class _Engine(_Device):
    """The same through the socket of an engine in user space, which takes no new process."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name)
        self._path = path

    def add(self, peers: list[Section]) -> None:
        self._set([line for peer in peers for line in _lines(peer)])

    def preshared_keys(self, peers: list[Section]) -> None:
        # not all of them anew: for a moment a peer would have no prefix
        lines = ((_lines(peer)[0], "update_only=true", _lines(peer)[1]) for peer in peers)
        self._set([line for three in lines for line in three])

    def private_key(self, key: str) -> None:
        self._set([f"private_key={_hex(key)}"])

    def sessions(self) -> frozenset[str]:
        found, key = set(), ""
        for line in self._ask("get=1\n\n").splitlines():
            name, _, value = line.partition("=")
            if name == "public_key":
                key = base64.b64encode(bytes.fromhex(value)).decode()
            elif name.startswith("last_handshake_time") and value != "0":
                found.add(key)
        return frozenset(found)

    def _set(self, lines: list[str]) -> None:
        answer = self._ask("\n".join(["set=1", *lines, "", ""]))
        if "errno=0" not in answer.splitlines():
            raise Refusal(f"{self._name}: the engine did not take the change of keys")

    def _ask(self, text: str) -> str:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine:
            engine.settimeout(10)
            engine.connect(self._path)
            engine.sendall(text.encode())
            answer = b""
            while not answer.endswith(b"\n\n"):
                part = engine.recv(1 << 16)
                if not part:
                    break
                answer += part
        return answer.decode()


def _device(interface: ManagedInterface) -> _Device:
    path = f"/var/run/wireguard/{interface.name}.sock"
    return _Engine(interface.name, path) if os.path.exists(path) else _Device(interface.name)


def _lines(peer: Section) -> list[str]:
    """For an engine."""
    keepalive = "0" if peer.keepalive in ("", "off") else peer.keepalive
    return [
        f"public_key={_hex(peer.key)}",
        f"preshared_key={_hex(peer.psk) if peer.psk else '0' * 64}",
        f"persistent_keepalive_interval={keepalive}",
        "replace_allowed_ips=true",
        *(f"allowed_ip={prefix}" for prefix in peer.prefixes),
    ]


def _text(peer: Section) -> str:
    """For wg(8), which takes what is not there for off."""
    return "".join(
        (
            f"[Peer]\nPublicKey = {peer.key}\n",
            f"PresharedKey = {peer.psk}\n" if peer.psk else "",
            f"PersistentKeepalive = {peer.keepalive}\n" if peer.keepalive else "",
            f"AllowedIPs = {', '.join(peer.prefixes)}\n" if peer.prefixes else "",
        )
    )


def _hex(key: str) -> str:
    return base64.b64decode(key).hex()
