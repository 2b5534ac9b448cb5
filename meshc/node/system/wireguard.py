"""The WireGuard settings of an interface: the difference to a file, peer by peer.

Unchanged peers are never touched, so that their sessions go on; that is `wg syncconf`. What it
does not do is done elsewhere: addresses, routes, rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from meshc.keys import PresharedKey, PrivateKey, PublicKey
from meshc.node.change import Change
from meshc.node.system import udp_ports
from meshc.prefixes import Prefix
from meshc.values import dataclass
from meshc.wg.conf import PeerConf
from meshc.wg.device_values import (
    NO_PRESHARED_KEY,
    DeviceState,
    DeviceUpdate,
    PeerState,
    PeerUpdate,
)
from meshc.wg.endpoint import Endpoint

if TYPE_CHECKING:
    from meshc.node.machine import Machine

_UNSET = DeviceState()
_LINK_LOCAL = Prefix.parse("fe80::/10")


@dataclass(frozen=True, slots=True)
class DeviceSet(Change):
    """Private key, port and mark; None leaves a value alone."""

    recorded: ClassVar[bool] = False
    interface: str
    private_key: PrivateKey | None = None
    listen_port: int | None = None
    fwmark: int | None = None
    before: DeviceState = _UNSET

    def describe(self) -> str:
        parts = ["private key"] if self.private_key is not None else []
        if self.listen_port is not None:
            parts.append(f"listen port {self.listen_port or 'any'}")
        if self.fwmark is not None:
            parts.append(f"fwmark {self.fwmark or 'off'}")
        return f"set {', '.join(parts)} on {self.interface}"

    def apply(self, machine: Machine) -> None:
        if self.listen_port:
            udp_ports.refuse_taken(machine, self.interface, self.listen_port)
        machine.backend.write(
            self.interface, DeviceUpdate(self.private_key, self.listen_port, self.fwmark)
        )

    def reverse(self, machine: Machine) -> None:
        old = self.before
        update = DeviceUpdate(
            old.private_key if self.private_key is not None else None,
            old.listen_port if self.listen_port is not None else None,
            old.fwmark if self.fwmark is not None else None,
        )
        machine.backend.write(self.interface, update)


@dataclass(frozen=True, slots=True)
class PeerSet(Change):
    """One peer added, changed or removed; `before` is None for one that was not there."""

    recorded: ClassVar[bool] = False
    interface: str
    name: str
    update: PeerUpdate
    before: PeerState | None = None

    def describe(self) -> str:
        update = self.update
        if update.remove:
            return f"remove peer {self.name}"
        parts = []
        if update.preshared_key is not None:
            gone = update.preshared_key == NO_PRESHARED_KEY
            parts.append("no preshared key" if gone else "preshared key")
        if update.endpoint is not None:
            parts.append(f"endpoint {update.endpoint}")
        if update.keepalive is not None:
            parts.append(f"keepalive {update.keepalive or 'off'}")
        if update.allowed_ips or update.replace_allowed_ips:
            verb = "allowed ips" if update.replace_allowed_ips or not self.before else "and also"
            parts.append(f"{verb} {', '.join(map(str, update.allowed_ips)) or 'none'}")
        verb = "change" if self.before else "add"
        return f"{verb} peer {self.name}: {'; '.join(parts) or 'nothing but its key'}"

    def apply(self, machine: Machine) -> None:
        machine.backend.write(self.interface, DeviceUpdate(peers=(self.update,)))

    def reverse(self, machine: Machine) -> None:
        old = self.before
        if old is None:
            back = PeerUpdate(self.update.public_key, remove=True)
        else:
            back = PeerUpdate(
                old.public_key,
                preshared_key=old.preshared_key or NO_PRESHARED_KEY,
                endpoint=old.endpoint,
                keepalive=old.keepalive,
                allowed_ips=old.allowed_ips,
                replace_allowed_ips=True,
            )
        machine.backend.write(self.interface, DeviceUpdate(peers=(back,)))


@dataclass(frozen=True, slots=True)
class PeerWish:
    """A peer as a file wants it. `endpoint` is resolved; `moved` says that the file names another
    endpoint than when it was last applied, so that a learned one may be overwritten."""

    public_key: PublicKey
    name: str
    preshared_key: PresharedKey | None = None
    endpoint: Endpoint | None = None
    moved: bool = False
    allowed_ips: tuple[Prefix, ...] = ()
    keepalive: int = 0


def merged_sections(peers: Iterable[PeerConf]) -> tuple[PeerConf, ...]:
    """One section a key, as `wg setconf` leaves them: of two, the later one's AllowedIPs replace
    the earlier's, and what it does not set stays."""
    found: dict[PublicKey, PeerConf] = {}
    for peer in peers:
        old = found.pop(peer.public_key, None)
        if old is not None:
            peer = peer._replace(
                preshared_key=peer.preshared_key or old.preshared_key,
                endpoint=peer.endpoint or old.endpoint,
                keepalive=old.keepalive if peer.keepalive is None else peer.keepalive,
            )
        found[peer.public_key] = peer
    return tuple(found.values())


def wishes(
    peers: Iterable[PeerConf],
    *,
    names: Mapping[PublicKey, str],
    resolved: Mapping[str, str],
    applied: Mapping[str, str],
) -> tuple[PeerWish, ...]:
    """One wish a key: of a prefix on two peers the last has it, as in WireGuard.

    `resolved` maps a host to its address; `applied` maps a public key to the endpoint that the
    file had when it was last applied."""
    owner: dict[Prefix, PublicKey] = {}
    last: dict[PublicKey, PeerConf] = {}
    for peer in peers:
        last[peer.public_key] = peer
        for prefix in peer.allowed_ips:
            owner[prefix] = peer.public_key
    prefixes: dict[PublicKey, list[Prefix]] = {}
    for prefix, key in owner.items():
        prefixes.setdefault(key, []).append(prefix)
    found = []
    for key, peer in last.items():
        text = str(peer.endpoint) if peer.endpoint else ""
        address = resolved.get(peer.endpoint.host) if peer.endpoint else None
        found.append(
            PeerWish(
                key,
                names.get(key) or peer.name or short(key),
                peer.preshared_key,
                Endpoint(address, peer.endpoint.port) if peer.endpoint and address else None,
                applied.get(key, "") != text,
                tuple(sorted(prefixes.get(key, ()))),
                peer.keepalive or 0,
            )
        )
    return tuple(found)


def peer_changes(
    interface: str, wanted: Iterable[PeerWish], device: DeviceState
) -> tuple[PeerSet, ...]:
    """What makes the device's peers those of the file. Peers that the file does not name go
    last, when their prefixes have moved already: no packet meets a gap."""
    now = {peer.public_key: peer for peer in device.peers}
    changes: list[PeerSet] = []
    kept = set()
    for wish in wanted:
        kept.add(wish.public_key)
        have = now.get(wish.public_key)
        update = _new(wish) if have is None else _difference(wish, have)
        if update is not None:
            changes.append(PeerSet(interface, wish.name, update, have))
    for key, have in now.items():
        if key not in kept:
            changes.append(PeerSet(interface, short(key), PeerUpdate(key, remove=True), have))
    return tuple(changes)


def short(key: PublicKey) -> str:
    """Enough of a public key to recognise it in a table."""
    return f"{key[:8]}…"


def _new(wish: PeerWish) -> PeerUpdate:
    return PeerUpdate(
        wish.public_key,
        preshared_key=wish.preshared_key,
        endpoint=wish.endpoint,
        keepalive=wish.keepalive or None,
        allowed_ips=wish.allowed_ips,
        replace_allowed_ips=True,
    )


def _difference(wish: PeerWish, have: PeerState) -> PeerUpdate | None:
    """None when nothing differs. A learned endpoint stays unless the file names a new one."""
    psk = wish.preshared_key if wish.preshared_key != have.preshared_key else None
    if wish.preshared_key is None and have.preshared_key is not None:
        psk = NO_PRESHARED_KEY
    new_endpoint = wish.endpoint is not None and (have.endpoint is None or wish.moved)
    added = tuple(p for p in wish.allowed_ips if p not in set(have.allowed_ips))
    # link-local ones are those of agents, which no file names and nothing is routed by
    lost = any(
        p not in set(wish.allowed_ips) and not _LINK_LOCAL.contains(p) for p in have.allowed_ips
    )
    update = PeerUpdate(
        wish.public_key,
        preshared_key=psk,
        endpoint=wish.endpoint if new_endpoint and wish.endpoint != have.endpoint else None,
        keepalive=wish.keepalive if wish.keepalive != have.keepalive else None,
        # replacing empties the list for a moment, adding does not
        allowed_ips=wish.allowed_ips if lost else added,
        replace_allowed_ips=lost,
    )
    return update if update != PeerUpdate(wish.public_key) else None
