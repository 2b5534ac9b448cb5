"""What a lab checks beside the matrix: exits and unallocated addresses."""

from __future__ import annotations

from collections.abc import Sequence

from meshc.lab.lab_session import LabSession
from meshc.lab.node_jobs import ReadNode
from meshc.lab.probe.leaks import WatchLeaks
from meshc.lab.probe.patience import Patience
from meshc.lab.probe.ping import Ping, PingTarget
from meshc.lab.probe.tcp import Greeting
from meshc.lab.report.lab_report import Check, Predicted
from meshc.lab.report.predictor import Predictor
from meshc.lab.world.jobs import PlacedJob
from meshc.prefixes import BITS, Prefix, address_text

PROBE_NAME = "leak-probe.lab.test"


def check_exits(session: LabSession, predictor: Predictor, patience: Patience) -> list[Check]:
    """Every user of an exit: what leaves it in the clear, and as whom the internet sees it."""
    users = {
        name: node.exit
        for name, node in session.source.spec.nodes.items()
        if node.exit is not None and name in session.engines and node.exit in session.engines
    }
    if not users:
        return []
    ports = _listen_ports(session, list(users))
    world = session.world
    jobs = [
        PlacedJob(
            name,
            WatchLeaks(
                interface="eth0",
                hosts=(*world.hosts, *_beside(session, name)),
                port=ports[name],
                name=PROBE_NAME,
                resolvers=world.resolvers,
                seconds=patience.greeting,
                doubtful=_doubtful(session, predictor, name, users[name]),
                doubt=4.0 + 2 * patience.round_trip,
                beside=tuple(map(str, session.source.spec.nodes[name].exit_except)),
                lans=tuple(map(str, session.source.spec.nodes[name].routes)),
            ),
        )
        for name in users
    ]
    checks: list[Check] = []
    for outcome in session.lab.run(jobs, parallel=2, timeout=patience.greeting + 60):
        name = outcome.place
        if outcome.error:
            checks.append(Check("exit", name, False, outcome.error))
            continue
        leaks = outcome.value.leaks
        checks.append(Check("exit", f"{name} leaks nothing", not leaks, "; ".join(leaks)))
        for address, seen in outcome.value.seen.items():
            if _stays_beside(session, name, address):
                checks.append(_beside_check(session, name, address, seen))
                continue
            predicted = predictor.internet(name, address)
            if not predicted.judged:
                session.notes.append(f"not checked: {name} → {address}: {predicted.reason}")
                continue
            checks.append(_exit_check(session, predicted, name, users[name], address, seen))
    return sorted(checks, key=lambda check: check.name)


def check_unallocated(session: LabSession) -> list[Check]:
    """An address of the pools that nobody has must die at once: no answer, and no loop."""
    used = {
        Prefix.host(address)
        for name in session.source.confs
        for address in session.source.addresses(name).values()
    }
    used |= {p for node in session.source.spec.nodes.values() for p in node.addresses}
    targets = [
        free
        for pool in session.source.spec.network.pools
        if (free := unallocated(pool, used)) is not None
    ]
    asked = {
        name: tuple(
            PingTarget(address, patient=False)
            for address in targets
            if Prefix.host(address).family in session.source.addresses(name)
        )
        for name in sorted(session.source.confs)
    }
    jobs = [
        PlacedJob(name, Ping(mine, seconds=1.5, interval=0.3, tries=2))
        for name, mine in asked.items()
    ]
    bad = []
    for outcome in session.lab.run(jobs, parallel=8, timeout=60):
        if outcome.error:
            bad.append(f"{outcome.place}: {outcome.error}")
            continue
        for target, heard in zip(asked[outcome.place], outcome.value, strict=True):
            if heard.kind == "exceeded":
                bad.append(f"{outcome.place} → {target.address} goes round in a circle")
            elif heard.kind == "reply":
                bad.append(f"{outcome.place} → {target.address}: {heard.sender} answers")
    name = f"nobody has {', '.join(targets)}: it dies at once, from every node"
    return [Check("addresses", name, not bad, "; ".join(bad[:5]))]


def unallocated(pool: Prefix, used: set[Prefix]) -> str | None:
    """The highest usable address of a pool that nobody has; None when it is full."""
    for value in range(pool.last - 1, max(pool.value, pool.last - 70_000), -1):
        if Prefix(pool.family, value, BITS[pool.family]) not in used:
            return address_text(pool.family, value)
    return None


def _exit_check(
    session: LabSession,
    predicted: Predicted,
    user: str,
    exit_node: str,
    address: str,
    seen: Greeting,
) -> Check:
    """The public host is reached through the exit and under its address, or not at all."""
    family = 6 if ":" in address else 4
    name = f"{user} reaches the internet over IPv{family} as {exit_node}"
    exit_spec = session.source.spec.nodes[exit_node]
    if family not in exit_spec.underlay or not predicted.reachable:
        reason = predicted.reason or f"{exit_node} has no IPv{family} itself"
        name = f"{user} has no IPv{family} internet: {reason}"
        if seen.error and predicted.owed:
            return Check("exit", name, False, "the topology asks for it", proven=True)
        return Check("exit", name, bool(seen.error), f"{seen.peer} got through")
    if seen.error:
        return Check("exit", name, False, seen.error)
    theirs = session.world.public[exit_node]
    detail = f"seen as {seen.peer}, and {exit_node} is {', '.join(theirs)}"
    return Check("exit", name, seen.peer in theirs, detail)


def _beside(session: LabSession, user: str) -> tuple[str, ...]:
    """Addresses on the internet that stand for what a user leaves out of its exit."""
    node, world = session.source.spec.nodes[user], session.world
    found = (world.beyond.get(str(prefix)) for prefix in node.exit_except)
    families = {Prefix.host(address).family for address in world.public[user]}
    return tuple(
        dict.fromkeys(
            address
            for address in found
            if address is not None and Prefix.host(address).family in families
        )
    )


def _stays_beside(session: LabSession, user: str, address: str) -> bool:
    host = Prefix.host(address)
    return any(p.contains(host) for p in session.source.spec.nodes[user].exit_except)


def _beside_check(session: LabSession, user: str, address: str, seen: Greeting) -> Check:
    """What is left out of the exit leaves by the uplink of the node, under its own address."""
    name = f"{user} reaches {address} beside the tunnel"
    if seen.error:
        return Check("exit", name, False, seen.error)
    own = session.world.public[user]
    return Check("exit", name, seen.peer in own, f"seen as {seen.peer}, and is {', '.join(own)}")


def _doubtful(session: LabSession, predictor: Predictor, user: str, exit_: str) -> tuple[str, ...]:
    """Addresses of the public host that should not be reached: nobody waits for them long."""
    underlay = session.source.spec.nodes[exit_].underlay
    through = [host for host in session.world.hosts if not _stays_beside(session, user, host)]
    return tuple(
        host
        for host in through
        if (6 if ":" in host else 4) not in underlay or not predictor.internet(user, host).reachable
    )


def _listen_ports(session: LabSession, names: Sequence[str]) -> dict[str, int]:
    jobs = [PlacedJob(name, ReadNode(session.source.interface)) for name in names]
    ports = dict.fromkeys(names, 0)
    for outcome in session.lab.run(jobs, parallel=2, timeout=60):
        if not outcome.error:
            ports[outcome.place] = outcome.value.listen_port
    return ports
