"""Do the rules of `policies:` say something, and can somebody hold the nodes to them?"""

from __future__ import annotations

from collections.abc import Iterator

from meshc.diagnostics import Diagnostics
from meshc.errors import PrefixFormatError
from meshc.prefixes import Prefix, collapse, without
from meshc.topology.language.read.document import Document
from meshc.topology.language.spec import (
    FirewallTool,
    NodeSpec,
    Platform,
    PolicyEnd,
    PolicySpec,
    Service,
    Spec,
)
from meshc.topology.language.wording import quote
from meshc.values import dataclass

_SSH = 22


def check_policies(spec: Spec, document: Document, diagnostics: Diagnostics) -> None:
    """W172 and W173 for rules without effect, E174 and E175 for nodes that nobody holds to them,
    W176 for exits and W177 for deployments that no rule leaves open."""
    if spec.policies is None:
        return
    reaches = [_Reach.of(rule) for rule in spec.policies]
    # an end that is wrong is left out: what is left of its rule says nothing
    judged = [] if diagnostics.has_errors else spec.policies
    for number, (rule, reach) in enumerate(zip(judged, reaches, strict=False)):
        path = ("policies", rule.index)
        if reach.nothing:
            hint = "nobody is left on one side, or the two sides are the same one node."
            document.report(diagnostics, "W172", "this rule allows nothing", path, hint)
            continue
        other = next(_covering(number, reaches, spec.policies), None)
        if other is not None and other.location is not None:
            document.report(
                diagnostics,
                "W173",
                f"the rule in line {other.location.line} allows all that this one does",
                path,
                "remove one of the two.",
            )
    for node in spec.nodes.values():
        _enforced(node, document, diagnostics)
        _exit(node, reaches, document, diagnostics)
        _deployed(spec, node, reaches, document, diagnostics)


@dataclass(frozen=True, slots=True)
class _Reach:
    """One rule without what `except` takes out."""

    sources: PolicyEnd
    targets: PolicyEnd
    services: tuple[Service, ...]
    senders: frozenset[str]
    receivers: frozenset[str]
    nothing: bool

    @classmethod
    def of(cls, rule: PolicySpec) -> _Reach:
        sources, targets = (_left(e, rule.excluded) for e in (rule.sources, rule.targets))
        both = frozenset(sources.nodes), frozenset(targets.nodes)
        return cls(sources, targets, rule.services, *both, _nothing(sources, targets))

    def holds(self, other: _Reach) -> bool:
        return (
            other.senders <= self.senders
            and other.receivers <= self.receivers
            and _inside(other.sources, self.sources)
            and _inside(other.targets, self.targets)
            and all(any(_covers(one, s) for one in self.services) for s in other.services)
        )


def _nothing(sources: PolicyEnd, targets: PolicyEnd) -> bool:
    for end in (sources, targets):
        if not (end.nodes or end.prefixes or end.internet):
            return True
    return len(sources.nodes) == 1 and not sources.prefixes and sources == targets


def _left(end: PolicyEnd, gone: PolicyEnd) -> PolicyEnd:
    nodes = tuple(name for name in end.nodes if name not in gone.nodes) if gone.nodes else end.nodes
    prefixes = without(end.prefixes, gone.prefixes) if gone.prefixes else collapse(end.prefixes)
    return PolicyEnd(nodes, prefixes, end.internet and not gone.internet)


def _inside(part: PolicyEnd, whole: PolicyEnd) -> bool:
    """Its prefixes and the internet; names are looked at before."""
    return (
        all(any(w.contains(p) for w in whole.prefixes) for p in part.prefixes)
        and part.internet <= whole.internet
    )


def _covers(wide: Service, narrow: Service) -> bool:
    same = wide.protocol == narrow.protocol
    inside = same and wide.first <= narrow.first and narrow.last <= wide.last
    return wide.protocol == "all" or inside


def _covering(
    place: int, reaches: list[_Reach], rules: tuple[PolicySpec, ...]
) -> Iterator[PolicySpec]:
    """Rules that hold the one at a place; of two equal ones the first holds the second."""
    reach = reaches[place]
    for n, other in enumerate(reaches):
        if n == place or other.nothing or not other.holds(reach):
            continue
        if n < place or not reach.holds(other):
            yield rules[n]


def _enforced(node: NodeSpec, document: Document, diagnostics: Diagnostics) -> None:
    if (
        node.managed
        and node.platform is Platform.OPENWRT
        and node.firewall is FirewallTool.IPTABLES
    ):
        document.report(
            diagnostics,
            "E174",
            f"{quote(node.name)} is to load policies by iptables, which OpenWrt's firewall has not "
            "used since 22.03",
            ("nodes", node.name),
            "say `firewall: nftables` for it; an older OpenWrt can have `managed: false`, and "
            "relays then protect it.",
            key=True,
        )
    elif node.is_relay and not node.filters:
        what = node.platform.value if node.managed else "a node with `managed: false`"
        document.report(
            diagnostics,
            "E175",
            f"relay {quote(node.name)} cannot hold others to the policies: it is {what}",
            ("nodes", node.name),
            "make a Linux node or a router the relay.",
            key=True,
        )


def _exit(
    node: NodeSpec, reaches: list[_Reach], document: Document, diagnostics: Diagnostics
) -> None:
    if node.exit is None:
        return
    for reach in reaches:
        if reach.targets.internet and _is_in(node, reach.sources):
            return
    document.report(
        diagnostics,
        "W176",
        f"{quote(node.name)} names an exit, but no rule lets it reach the internet",
        ("nodes", node.name),
        f"add `{{from: {node.name}, to: internet}}` to `policies:`, or `exit: none` to the node.",
        key=True,
    )


def _deployed(
    spec: Spec,
    node: NodeSpec,
    reaches: list[_Reach],
    document: Document,
    diagnostics: Diagnostics,
) -> None:
    """Only a path that leads through the tunnel can be cut by a rule."""
    host = _address(node.deploy.host)
    if host is None or not any(pool.contains(host) for pool in spec.network.pools):
        return
    ssh = Service("tcp", node.deploy.port or _SSH, node.deploy.port or _SSH)
    for reach in reaches:
        if _is_in(node, reach.targets) and any(_covers(one, ssh) for one in reach.services):
            return
    document.report(
        diagnostics,
        "W177",
        f"`meshc deploy` reaches {quote(node.name)} through the tunnel, and no rule lets anybody "
        f"reach {ssh} there",
        ("nodes", node.name),
        f"add `{{from: ADMINS, to: {node.name}, allow: {ssh}}}` to `policies:`.",
        key=True,
    )


def _is_in(node: NodeSpec, end: PolicyEnd) -> bool:
    own = (*node.addresses, *node.routes)
    return node.name in end.nodes or any(p.overlaps(part) for p in end.prefixes for part in own)


def _address(host: str | None) -> Prefix | None:
    try:
        return Prefix.host(host) if host is not None else None
    except PrefixFormatError:
        return None
