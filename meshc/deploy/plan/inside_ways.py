"""Ways to nodes that lead through the tunnels, and so through what a deploy changes."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from meshc.errors import PrefixFormatError
from meshc.prefixes import Prefix, parse_address
from meshc.topology.language.spec import NodeSpec
from meshc.topology.planner.mesh_plan import MeshPlan

Hosts = Callable[[NodeSpec], Sequence[str]]
"""The hosts that a connection to a node goes to: its own and those of jump hosts before it."""
_LOOKUP = 3.0
"""Seconds for all names together: one that is not found by then is found by the connection."""


def reached_inside(plan: MeshPlan, hosts: Hosts) -> frozenset[str]:
    """The nodes to which a hop has an address of the network: one of its pools, or a LAN behind a
    router of it that this machine is not in."""
    ways = {
        name: tuple(hosts(node.spec)) for name, node in plan.nodes.items() if node.spec.deploy.host
    }
    addresses = _addresses({host for way in ways.values() for host in way}, _names(plan))
    lans = [prefix for node in plan.nodes.values() for prefix in node.spec.routes]
    pools = plan.spec.network.pools

    def inside(host: str) -> bool:
        return any(
            (_in(address, pools) and not _here(address))
            or (_in(address, lans) and not _in(_source(address), lans))
            for address in addresses.get(host, ())
        )

    return frozenset(name for name, way in ways.items() if any(map(inside, way)))


def this_machine(plan: MeshPlan) -> frozenset[str]:
    """The nodes whose addresses in the tunnels are this machine's own: what it reaches through the
    network, it reaches by these."""
    return frozenset(
        name
        for name, node in plan.nodes.items()
        if any(_here(address.address) for address in node.addresses)
    )


def _names(plan: MeshPlan) -> dict[str, tuple[str, ...]]:
    """The names that the network itself gives."""
    domain = plan.spec.network.domain
    own = {name: tuple(a.address for a in node.addresses) for name, node in plan.nodes.items()}
    return {f"{name}.{domain}": found for name, found in own.items()} if domain else {}


def _addresses(
    hosts: Iterable[str], known: dict[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    unknown = []
    for host in hosts:
        if host in known:
            found[host] = known[host]
        elif _literal(host):
            found[host] = (host,)
        else:
            unknown.append(host)
    if unknown:
        pool = ThreadPoolExecutor(16)
        jobs = {pool.submit(_lookup, host): host for host in unknown}
        done, _ = wait(jobs, _LOOKUP)
        found |= {jobs[job]: job.result() for job in done}
        pool.shutdown(wait=False, cancel_futures=True)
    return found


def _lookup(host: str) -> tuple[str, ...]:
    try:
        return tuple({str(one[4][0]) for one in socket.getaddrinfo(host, None)})
    except (OSError, UnicodeError):
        return ()


def _literal(host: str) -> bool:
    try:
        parse_address(host)
    except PrefixFormatError:
        return False
    return True


def _in(address: str, prefixes: Iterable[Prefix]) -> bool:
    if not address:
        return False
    host = Prefix.host(address.partition("%")[0])
    return any(prefix.contains(host) for prefix in prefixes)


def _here(address: str) -> bool:
    """Whether it is this machine's own."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _source(address: str) -> str:
    """The address from which this machine would speak to it; empty: it has none."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
            return str(probe.getsockname()[0])
        except OSError:
            return ""
