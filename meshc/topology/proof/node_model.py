"""The model of one node after `wg-quick up`: addresses, routes, peers, firewall.

Nothing here is clever: every lookup goes through every entry. This is the definition against which
the fast tables of the prover are tested, and what traces and `explain` are told from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from meshc.keys import PublicKey
from meshc.prefixes import BITS, Prefix
from meshc.topology.proof.expectation import NodeFacts
from meshc.topology.proof.held_ipv6 import IPv6Hold, read_ipv6_hold
from meshc.topology.proof.hook_effects import HookEffects, read_hook_effects
from meshc.topology.proof.loaded_rules import leaves_choice
from meshc.topology.proof.longest_match import longest
from meshc.topology.proof.netfilter import Firewall
from meshc.topology.proof.policy_routing import (
    PolicyRouting,
    RouteKind,
    read_policy_routing,
)
from meshc.topology.proof.policy_rule import MAIN, RouteQuery
from meshc.topology.proof.rule_shapes import names_any
from meshc.wg.conf import Conf, PeerConf

if TYPE_CHECKING:
    from meshc.topology.proof.router_script import RouterScript


@dataclass(frozen=True)
class NodeModel:
    """`conf` is None for a node without a file: it is taken to mirror what others expect of it.
    `script` is what a router runs in place of a wg-quick file; `conf` is of that script then.
    `like` is another node with the same rules, but for its own addresses."""

    facts: NodeFacts
    conf: Conf | None
    key: PublicKey | None
    script: RouterScript | None = None
    like: NodeModel | None = field(default=None, compare=False, repr=False)

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
    def routing(self) -> PolicyRouting:
        """Tables and rules as `Table` and the hooks of its file make them, but for those that are
        known to hold IPv6 back and do no more."""
        if self.ipv6_hold is None or self.ipv6_hold.fault:
            return self._routing
        rules = tuple(r for r in self._routing.rules if r not in self.ipv6_hold.rules)
        return replace(self._routing, rules=rules)

    @cached_property
    def ipv6_hold(self) -> IPv6Hold | None:
        """What is meant to keep IPv6 from leaving; None without it."""
        if self.conf is None or self.script is not None:
            return None
        return read_ipv6_hold(self.conf, self._routing)

    @cached_property
    def _routing(self) -> PolicyRouting:
        if self.like is not None:
            return self.like._routing
        if self.conf is None:
            return PolicyRouting(self.facts.interface, "off")
        return read_policy_routing(self.conf, self.facts.interface)

    @cached_property
    def installs_routes(self) -> bool:
        """Whether its AllowedIPs become routes of the main table."""
        return self.routing.allowed == MAIN

    @cached_property
    def connected(self) -> tuple[Prefix, ...]:
        """The networks of its own addresses, and what a router's script routes besides."""
        addresses = self.conf.addresses if self.conf else ()
        networks = (a.network for a in addresses if a.length < BITS[a.family])
        made = self.script.routes if self.script is not None else ()
        return tuple(dict.fromkeys((*networks, *made)))

    @cached_property
    def other_routes(self) -> tuple[Prefix, ...]:
        """Routes into the tunnel that do not come from AllowedIPs: the network of its own
        address, and `ip route add` hooks."""
        hooks = (prefix for table, prefix in self.routing.added if table == MAIN)
        return tuple(dict.fromkeys((*self.connected, *hooks)))

    @cached_property
    def effects(self) -> HookEffects:
        """What its hooks do that the proof cannot follow, and what in them must fail."""
        if self.conf is None or self.script is not None:
            return HookEffects()
        if self.like is not None:
            return self.like.effects
        return read_hook_effects(self.conf, self.routing)

    @cached_property
    def firewall(self) -> Firewall:
        """What is carried. Who may begin a connection is asked of `firewalls`, by themselves."""
        if self.script is not None:
            rules = self.script.firewall
            return rules.carriage() if self.facts.policies else rules
        if self.like is not None and self.like.carries_for_others:
            return self.like.firewall
        return self.firewalls[0].carriage() if self.facts.policies else self.firewalls[0]

    @cached_property
    def carries_for_others(self) -> bool:
        """Whether its `firewall` is also that of nodes that are like it."""
        rules = [rule.text for some in self.firewall.chains.values() for rule in some]
        return self.facts.policies and not names_any(rules, self.own)

    @cached_property
    def firewalls(self) -> tuple[Firewall, ...]:
        """All rules, as each tool loads them of which the node has one or the other."""
        if self.script is not None:
            return (self.script.firewall,)
        conf = self.conf
        if conf is None:
            return (Firewall(self.facts.interface),)
        lines = (*conf.pre_up, *conf.post_up)
        first = Firewall.read(lines, self.facts.interface, conf.rules)
        if not any(map(leaves_choice, lines)):
            return (first,)
        return (first, Firewall.read(lines, self.facts.interface, conf.rules, nft=True))

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

    def route(
        self, family: int, address: int, query: RouteQuery | None = None
    ) -> tuple[RouteKind, Prefix | None]:
        """What rules and tables find; without a `query`, for a first packet of its own."""
        if self.owns(family, address):
            return RouteKind.OWN, Prefix(family, address, BITS[family])
        asked = query or RouteQuery(family, 0, address)
        return self.routing.way(asked, self.allowed, self.connected, self.facts.lans)


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
