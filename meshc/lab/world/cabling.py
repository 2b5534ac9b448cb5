"""Builds a `LabWorld` by netlink: cables, bridges, addresses, routes, rules, shapes.

One netlink socket per namespace and no process per step: a few tenths of a millisecond each.
"""

from __future__ import annotations

import errno
import socket
import subprocess
from collections.abc import Callable, Collection, Mapping
from typing import Any

from meshc.errors import NodeError
from meshc.lab.world import wire
from meshc.lab.world.nat import loss_rules
from meshc.lab.world.netns import inside, set_sysctls
from meshc.lab.world.places import ASKING, Cable, LabWorld, Place, Port, Shape

IFA_F_NODAD = 0x02
# Without these, a bridge hands LAN frames to the router's own NAT rules.
BRIDGE_SYSCTLS = (
    ("net/bridge/bridge-nf-call-iptables", "0"),
    ("net/bridge/bridge-nf-call-ip6tables", "0"),
)


def build_links(
    world: LabWorld, namespaces: Mapping[str, int], progress: Callable[[str], None]
) -> list[str]:
    """Makes everything in the LabWorld; the answer is remarks about what this kernel cannot do.

    Raises: NodeError when a step fails, with the namespace it failed in.
    """
    for place in world.places.values():
        with inside(namespaces[place.name]):
            set_sysctls(place.sysctls)
    progress("cables")
    slow = _without_netem(world, namespaces)
    wires = _cables(world, namespaces, slow)
    if wires:
        wire.start(wires)
    progress("addresses")
    for place in world.places.values():
        with inside(namespaces[place.name]):
            _furnish(place)
    progress("rules")
    for place in world.places.values():
        if place.rules:
            with inside(namespaces[place.name]):
                load_rules(place.rules)
    return _shape(world, namespaces, slow)


def load_rules(text: str) -> None:
    """Replaces the packet rules of the current namespace. Raises: NodeError."""
    try:
        done = subprocess.run(["nft", "-f", "-"], input=text, text=True, capture_output=True)
    except FileNotFoundError:
        raise NodeError(
            "nft is not installed, and the lab's NAT routers need it",
            hint="on Debian and Ubuntu: apt install nftables",
        ) from None
    if done.returncode != 0:
        raise NodeError(f"nft refused the rules of a router: {done.stderr.strip()[:500]}")


def netlink() -> Any:
    """A route netlink socket of the current namespace; a context manager."""
    import pyroute2

    return pyroute2.IPRoute()


def _without_netem(world: LabWorld, namespaces: Mapping[str, int]) -> frozenset[str]:
    """Names of the cables that delay packets, where the kernel cannot do that by itself."""
    slow = frozenset(c.name for c in world.cables if c.shape.delay or c.shape.jitter)
    if not slow:
        return slow
    with inside(next(iter(namespaces.values()))), netlink() as link:
        index = link.link_lookup(ifname="lo")[0]
        if not _queue(link, "netem", index, 0x10000, 0, {"delay": 0}):
            return slow
        link.tc("del", "netem", index, 0x10000)
    return frozenset()


def _cables(
    world: LabWorld, namespaces: Mapping[str, int], slow: Collection[str]
) -> list[wire.Wire]:
    """A veth pair each; the answer is the cables in `slow`, which a process must carry."""
    by_left: dict[str, list[Cable]] = {}
    wires = []
    for cable in world.cables:
        if cable.name in slow:
            wires.append(_wire(cable, namespaces))
        else:
            by_left.setdefault(cable.left.place, []).append(cable)
    for name, cables in by_left.items():
        with inside(namespaces[name]), netlink() as link:
            for cable in cables:
                peer = {
                    "ifname": cable.right.interface,
                    "net_ns_fd": namespaces[cable.right.place],
                }
                _step(name, link.link, "add", ifname=cable.left.interface, kind="veth", peer=peer)
    return wires


def _wire(cable: Cable, namespaces: Mapping[str, int]) -> wire.Wire:
    ends = []
    for port in (cable.left, cable.right):
        with inside(namespaces[port.place]):
            try:
                ends.append(wire.open_end(port.interface))
            except OSError as error:
                raise NodeError(f"{port.place}: /dev/net/tun: {error.strerror}") from None
    return wire.Wire(ends[0], ends[1], cable.shape)


def _furnish(place: Place) -> None:
    """Bridges, addresses, links up, routes: in the namespace this is called in."""
    with netlink() as link:
        for bridge in place.bridges:
            _step(place.name, link.link, "add", ifname=bridge, kind="bridge")
        if place.bridges:
            set_sysctls(BRIDGE_SYSCTLS)
        index = {entry.get_attr("IFLA_IFNAME"): entry["index"] for entry in link.get_links()}
        for bridge, members in place.bridges.items():
            for member in members:
                _step(place.name, link.link, "set", index=index[member], master=index[bridge])
        for interface, address in place.addresses:
            extra: dict[str, Any] = {"flags": IFA_F_NODAD} if address.family == 6 else {}
            _step(
                place.name,
                link.addr,
                "add",
                index=index[interface],
                address=address.address,
                prefixlen=address.length,
                **extra,
            )
        for name, number in index.items():
            if name == "lo" or not name.startswith(("sit", "ip6", "tunl", "gre", "erspan")):
                _step(place.name, link.link, "set", index=number, state="up")
        for route in sorted(place.routes, key=lambda r: (r.via is not None, r.prefix.length == 0)):
            options: dict[str, Any] = {"dst": str(route.prefix), "oif": index[route.interface]}
            options["family"] = socket.AF_INET if route.prefix.family == 4 else socket.AF_INET6
            if route.via is not None:
                options["gateway"] = route.via
            else:
                options["scope"] = 253 if route.prefix.family == 4 else 0  # RT_SCOPE_LINK
            if route.source is not None:
                options["prefsrc"] = route.source
            if route.asking:
                options["table"] = ASKING
                rule = {"family": options["family"], "fwmark": ASKING, "table": ASKING}
                _step(place.name, link.rule, "add", priority=1, **rule)
            _step(place.name, link.route, "add", **options)


def _shape(world: LabWorld, namespaces: Mapping[str, int], slow: Collection[str]) -> list[str]:
    """Size, delay and loss by netem, bandwidth by tbf, on both ends of a cable. The delay of cables
    in `slow` is there already."""
    remarks: dict[str, None] = {BY_PROCESS: None} if slow else {}
    losses: dict[str, list[tuple[str, float]]] = {}
    for cable in world.cables:
        for end in (cable.left, cable.right):
            shape = cable.shape._replace(delay=0, jitter=0) if cable.name in slow else cable.shape
            for remark in _shape_end(shape, end, namespaces[end.place]):
                remarks[remark] = None
        if NO_LOSS in remarks and cable.shape.loss:
            losses.setdefault(cable.left.place, []).append((cable.left.interface, cable.shape.loss))
    for name, pairs in losses.items():
        with inside(namespaces[name]):
            load_rules(loss_rules(pairs))
    return list(remarks)


BY_PROCESS = "this kernel has no sch_netem: a process of the lab delays packets instead"
NO_LOSS = "this kernel has no sch_netem: loss is simulated by random drops in the router instead"
NO_RATE = "this kernel has no sch_tbf: bandwidth is not limited"


def _shape_end(shape: Shape, end: Port, namespace: int) -> list[str]:
    if not any(shape):
        return []
    remarks = []
    with inside(namespace), netlink() as link:
        index = link.link_lookup(ifname=end.interface)[0]
        parent = 0
        if shape.mtu:
            link.link("set", index=index, mtu=shape.mtu)
        if shape.delay or shape.jitter or shape.loss:
            options: dict[str, Any] = {"loss": shape.loss, "limit": 10_000}
            options["delay"] = int(shape.delay * 1000)  # microseconds
            options["jitter"] = int(shape.jitter * 1000)
            if _queue(link, "netem", index, 0x10000, 0, options):
                parent = 0x10001
            else:
                remarks.append(NO_LOSS)
        if shape.rate:
            rate = shape.rate * 125  # bytes per second
            options = {"rate": rate, "burst": max(rate // 100, 32_000), "latency": "50ms"}
            if not _queue(link, "tbf", index, 0x20000, parent, options):
                remarks.append(NO_RATE)
    return remarks


def _queue(
    link: Any, kind: str, index: int, handle: int, parent: int, options: dict[str, Any]
) -> bool:
    """Adds a queueing discipline; False when the kernel has no such kind."""
    from pyroute2.netlink.exceptions import NetlinkError

    where = {"parent": parent} if parent else {}
    try:
        link.tc("add", kind, index, handle, **where, **options)
    except NetlinkError as error:
        if error.code == errno.ENOENT:
            return False
        raise NodeError(f"{kind} on interface {index}: {error}") from None
    return True


def _step(place: str, call: Callable[..., Any], verb: str, **options: Any) -> None:
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        call(verb, **options)
    except NetlinkError as error:
        what = " ".join(f"{key}={value}" for key, value in options.items())
        raise NodeError(f"{place}: {verb} {what}: {error}") from None
