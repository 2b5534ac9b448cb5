"""The model of one node after `wg-quick up`: addresses, routes, peers, firewall.

Nothing here is clever: every lookup goes through every entry. This is the definition against which
the fast tables of the prover are tested, and what traces and `explain` are told from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import pairwise

from meshc.errors import PrefixFormatError
from meshc.keys import PublicKey
from meshc.prefixes import BITS, Prefix
from meshc.topology.proof.expectation import NodeFacts
from meshc.topology.proof.hook_commands import commands
from meshc.topology.proof.netfilter import Firewall
from meshc.topology.proof.router_script import RouterScript
from meshc.wg.conf import Conf, PeerConf


class RouteKind(Enum):
    """Where the routing tables of a node send a packet."""

    OWN = "to itself"
    TUNNEL = "into the tunnel"
    LAN = "to a network that it is connected to"
    UPLINK = "to its default gateway"


@dataclass(frozen=True)
class NodeModel:
    """`conf` is None for a node without a file: it is taken to mirror what others expect of it.
    `script` is what a router runs in place of a wg-quick file; `conf` is of that script then."""

    facts: NodeFacts
    conf: Conf | None
    key: PublicKey | None
    script: RouterScript | None = None

    @property
    def name(self) -> str:
        return self.facts.name

    @cached_property
    def own(self) -> tuple[Prefix, ...]:
        """Its addresses on the tunnel, as host prefixes, in the order of the file."""
        if self.conf is None:
            return tuple(Prefix(p.family, p.value, BITS[p.family]) for p in self.facts.addresses)
        return tuple(dict.fromkeys(address.host for address in self.conf.addresses))

    def address(self, family: int) -> Prefix | None:
        """The source of its own packets: the first address of the family."""
        return next((prefix for prefix in self.own if prefix.family == family), None)

    @cached_property
    def peers(self) -> dict[PublicKey, PeerConf]:
        """What `wg setconf` leaves: of two sections with one key, the later one's AllowedIPs
        replace the earlier's, and what it does not set stays."""
        return merged_peers(self.conf.peers) if self.conf else {}

    @cached_property
    def allowed(self) -> dict[Prefix, PublicKey]:
        """AllowedIPs as one table; a prefix belongs to the peer that claimed it last."""
        table: dict[Prefix, PublicKey] = {}
        for key, peer in self.peers.items():
            for prefix in peer.allowed_ips:
                table[prefix] = key
        return table

    @cached_property
    def tunnel_routes(self) -> tuple[Prefix, ...]:
        """Prefixes that the kernel routes into the tunnel, by `wg-quick up` and by hooks."""
        allowed = self.allowed if self.installs_routes else ()
        return tuple(dict.fromkeys((*self.other_routes, *allowed)))

    @cached_property
    def installs_routes(self) -> bool:
        """Whether its AllowedIPs become routes that the kernel looks up."""
        return self.conf is not None and _routes_allowed_ips(self.conf)

    @cached_property
    def other_routes(self) -> tuple[Prefix, ...]:
        """Routes into the tunnel that do not come from AllowedIPs: the network of its own
        address, and `ip route add` hooks."""
        made = self.script.routes if self.script is not None else ()
        return tuple(dict.fromkeys((*_other_routes(self.conf, self.facts.interface), *made)))

    @cached_property
    def firewall(self) -> Firewall:
        if self.script is not None:
            return self.script.firewall
        conf = self.conf
        lines = (*conf.pre_up, *conf.post_up) if conf else ()
        return Firewall.read(lines, self.facts.interface)

    @property
    def has_rules(self) -> bool:
        """Whether its file can say what it forwards, so that the rules must stand there."""
        return self.script is not None or self.facts.has_hooks

    def owns(self, family: int, address: int) -> bool:
        return Prefix(family, address, BITS[family]) in self.own

    def peer_for(self, family: int, address: int) -> tuple[PublicKey | None, Prefix | None]:
        """Cryptokey routing (whitepaper section 2): the peer with the longest match."""
        best = longest(self.allowed, family, address)
        return (self.allowed[best], best) if best is not None else (None, None)

    def route(self, family: int, address: int) -> tuple[RouteKind, Prefix | None]:
        """Longest match over what the machine routes. On a tie the connected network wins: its
        route is there before wg-quick comes, and `ip route add` refuses a second one."""
        if self.owns(family, address):
            return RouteKind.OWN, Prefix(family, address, BITS[family])
        lan = longest(self.facts.lans, family, address)
        tunnel = longest(self.tunnel_routes, family, address)
        if lan is not None and (tunnel is None or lan.length >= tunnel.length):
            return RouteKind.LAN, lan
        if tunnel is not None:
            return RouteKind.TUNNEL, tunnel
        return RouteKind.UPLINK, None


def model_of(facts: NodeFacts, conf: Conf | None, script: RouterScript | None = None) -> NodeModel:
    """The model of one node; its key is that of its file when the file has it."""
    key = facts.public_key
    if conf is not None and conf.private_key is not None:
        key = conf.private_key.public_key()
    return NodeModel(facts, conf, key, script)


def merged_peers(sections: Iterable[PeerConf]) -> dict[PublicKey, PeerConf]:
    """Sections by public key, as `wg setconf` applies them one after the other (wg(8): each
    section replaces the AllowedIPs of its peer)."""
    peers: dict[PublicKey, PeerConf] = {}
    for section in sections:
        old = peers.get(section.public_key)
        if old is not None:
            section = section._replace(
                preshared_key=section.preshared_key or old.preshared_key,
                endpoint=section.endpoint or old.endpoint,
                keepalive=old.keepalive if section.keepalive is None else section.keepalive,
            )
            # the peer's prefixes are claimed anew, after those of the peers in between
            del peers[section.public_key]
        peers[section.public_key] = section
    return peers


def longest(prefixes: Iterable[Prefix], family: int, address: int) -> Prefix | None:
    """The longest prefix that holds the address."""
    best: Prefix | None = None
    for prefix in prefixes:
        if (
            prefix.family == family
            and prefix.value <= address <= prefix.last
            and (best is None or prefix.length > best.length)
        ):
            best = prefix
    return best


def _other_routes(conf: Conf | None, interface: str) -> Iterator[Prefix]:
    if conf is None:
        return
    for address in conf.addresses:
        if address.length < BITS[address.family]:
            yield address.network
    for line in (*conf.pre_up, *conf.post_up):
        for words in commands(line):
            yield from _added_route(words, interface)


def _routes_allowed_ips(conf: Conf) -> bool:
    """`Table = off` installs no routes; a numbered table counts once a rule looks it up."""
    if conf.table is None or conf.table == "main":
        return True
    if conf.table == "off":
        return False
    for line in (*conf.pre_up, *conf.post_up):
        for words in commands(line):
            if words[0].rpartition("/")[2] != "ip" or "rule" not in words:
                continue
            pairs = pairwise(words)
            if any(flag in ("table", "lookup") and to == conf.table for flag, to in pairs):
                return True
    return False


def _added_route(words: tuple[str, ...], interface: str) -> Iterator[Prefix]:
    """The prefix of an `ip route add PREFIX ... dev %i` hook."""
    if words[0].rpartition("/")[2] != "ip" or "route" not in words or "table" in words:
        return
    rest = words[words.index("route") + 1 :]
    if len(rest) < 4 or rest[0] not in ("add", "replace", "append") or "dev" not in rest:
        return
    device = rest[rest.index("dev") + 1 :][:1]
    if device not in (("%i",), (interface,)):
        return
    text = rest[1]
    if text == "default":
        text = "::/0" if "-6" in words else "0.0.0.0/0"
    try:
        yield Prefix.parse(text)
    except PrefixFormatError:
        return
