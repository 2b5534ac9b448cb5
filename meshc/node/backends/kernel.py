"""WireGuard in the kernel, configured through generic netlink (linux/wireguard.h)."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from platform import release
from typing import TYPE_CHECKING, Any

from meshc.errors import NodeError
from meshc.keys import PresharedKey, PrivateKey, PublicKey, decode, encode
from meshc.node.system_values import Device, DeviceUpdate, PeerState, PeerUpdate
from meshc.prefixes import Prefix
from meshc.wg.conf import HostPort

if TYPE_CHECKING:
    from meshc.node.backends.backend import BackendHost

_NO_KEY = bytes(32)
_PREFIXES_A_MESSAGE = 500
"""An allowed ip takes up to 32 bytes of a message, and an attribute holds 64 KiB."""


class Kernel:
    """The fastest one: no process, no copy to user space."""

    name = "kernel"

    def missing(self) -> str:
        if Path("/sys/module/wireguard").exists():
            return ""
        directory = Path("/lib/modules") / release()
        for listing in ("modules.builtin", "modules.dep"):
            try:
                if "/wireguard.ko" in (directory / listing).read_text():
                    return ""
            except OSError:
                continue
        return "this kernel has no wireguard module"

    def create(self, host: BackendHost, interface: str) -> None:
        try:
            host.netlink.add_link(interface, "wireguard")
        except NodeError as error:
            raise NodeError(
                f"the kernel would not make a WireGuard interface: {error}",
                hint=error.hint or "`--engine bundled` needs no kernel module",
            ) from None

    def destroy(self, host: BackendHost, interface: str) -> None:
        host.netlink.delete_link(interface)

    def read(self, interface: str) -> Device:
        """Raises: NodeError when there is no such WireGuard interface."""
        with _socket() as wireguard:
            try:
                # a dump comes in several messages: each holds some peers, or some prefixes of one
                messages = tuple(wireguard.info(interface))
            except _errors() as error:
                raise NodeError(f"{interface} is not a kernel WireGuard: {error}") from None
        return _device(messages)

    def write(self, interface: str, update: DeviceUpdate) -> None:
        with _socket() as wireguard:
            try:
                head = _head(update)
                if head:
                    wireguard.set(interface, **head)
                for peer in update.peers:
                    for wanted in _peer_messages(peer):
                        wireguard.set(interface, peer=wanted)
            except _errors() as error:
                raise NodeError(f"the kernel refused a setting of {interface}: {error}") from None


def _socket() -> Any:
    from pyroute2 import WireGuard

    try:
        return WireGuard()
    except _errors() as error:
        raise NodeError(f"the kernel's WireGuard does not answer: {error}") from None


def _errors() -> tuple[type[Exception], ...]:
    from pyroute2.netlink.exceptions import NetlinkError

    return (NetlinkError, OSError)


def _head(update: DeviceUpdate) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if update.private_key is not None:
        values["private_key"] = update.private_key.reveal()
    if update.listen_port is not None:
        values["listen_port"] = update.listen_port
    if update.fwmark is not None:
        values["fwmark"] = update.fwmark
    return values


def _peer_messages(peer: PeerUpdate) -> Iterator[dict[str, Any]]:
    """A peer with more prefixes than one message holds is set in several; only the first
    replaces what was there."""
    first: dict[str, Any] = {"public_key": str(peer.public_key)}
    if peer.remove:
        yield {**first, "remove": True}
        return
    if peer.preshared_key is not None:
        first["preshared_key"] = peer.preshared_key.reveal()
    if peer.endpoint is not None:
        first["endpoint_addr"], first["endpoint_port"] = peer.endpoint
    if peer.keepalive is not None:
        first["persistent_keepalive"] = peer.keepalive
    if peer.replace_allowed_ips:
        first["replace_allowed_ips"] = True
    prefixes = [str(prefix) for prefix in peer.allowed_ips]
    yield {**first, "allowed_ips": prefixes[:_PREFIXES_A_MESSAGE]}
    for start in range(_PREFIXES_A_MESSAGE, len(prefixes), _PREFIXES_A_MESSAGE):
        yield {
            "public_key": str(peer.public_key),
            "allowed_ips": prefixes[start : start + _PREFIXES_A_MESSAGE],
        }


def _device(messages: Iterable[Any]) -> Device:
    """Joins the chunks; a peer cut between two of them continues in the next."""
    private: PrivateKey | None = None
    port = mark = 0
    peers: dict[PublicKey, PeerState] = {}
    for message in messages:
        raw = _key(message.get_attr("WGDEVICE_A_PRIVATE_KEY"))
        if raw != _NO_KEY:
            private = PrivateKey(raw)
        port = message.get_attr("WGDEVICE_A_LISTEN_PORT") or port
        mark = message.get_attr("WGDEVICE_A_FWMARK") or mark
        for item in message.get_attr("WGDEVICE_A_PEERS") or ():
            peer = _peer(item)
            before = peers.get(peer.public_key)
            if before is not None:
                joined = tuple(sorted({*before.allowed_ips, *peer.allowed_ips}))
                peer = before._replace(allowed_ips=joined)
            peers[peer.public_key] = peer
    return Device(private, port, mark, tuple(peers[key] for key in sorted(peers)))


def _peer(item: Any) -> PeerState:
    psk = _key(item.get_attr("WGPEER_A_PRESHARED_KEY"))
    endpoint = item.get_attr("WGPEER_A_ENDPOINT")
    handshake = item.get_attr("WGPEER_A_LAST_HANDSHAKE_TIME")
    seconds = handshake["tv_sec"] + handshake["tv_nsec"] / 1e9 if handshake is not None else 0.0
    return PeerState(
        PublicKey(encode(_key(item.get_attr("WGPEER_A_PUBLIC_KEY")))),
        PresharedKey(psk) if psk != _NO_KEY else None,
        HostPort(endpoint["addr"], endpoint["port"]) if endpoint is not None else None,
        tuple(sorted(_prefix(entry) for entry in item.get_attr("WGPEER_A_ALLOWEDIPS") or ())),
        item.get_attr("WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL") or 0,
        seconds,
        item.get_attr("WGPEER_A_RX_BYTES") or 0,
        item.get_attr("WGPEER_A_TX_BYTES") or 0,
    )


def _key(value: bytes | None) -> bytes:
    """pyroute2 gives keys as base64; zeros stand for none, as in the kernel."""
    return decode(value.decode("ascii")) if value is not None else _NO_KEY


def _prefix(entry: Any) -> Prefix:
    family = 4 if entry.get_attr("WGALLOWEDIP_A_FAMILY") == socket.AF_INET else 6
    raw = bytes.fromhex(entry.get_attr("WGALLOWEDIP_A_IPADDR").replace(":", ""))
    return Prefix(family, int.from_bytes(raw, "big"), entry.get_attr("WGALLOWEDIP_A_CIDR_MASK"))
