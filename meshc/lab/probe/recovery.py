"""What a network goes through, timed: a NAT that forgets, a new address, an engine that restarts.

The bound is WireGuard's own: a silent peer is noticed after KEEPALIVE_TIMEOUT + REKEY_TIMEOUT
(10 s + 5 s, whitepaper section 6.1), a handshake is repeated every 5 s, and the side behind a
NAT speaks up at least every persistent keepalive. Who sends nothing but keepalives does not notice:
its next handshake is that of REKEY_AFTER_TIME (120 s). Whoever has forgotten its address, as a
device does that wg-quick makes anew, waits for that; meshc keeps it over a restart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from meshc.lab.lab_session import LabSession
from meshc.lab.node_jobs import WG_QUICK
from meshc.lab.probe import measure
from meshc.lab.probe.measure import Subject
from meshc.lab.probe.patience import PATIENCE
from meshc.lab.report.lab_report import Check, Key, Predicted
from meshc.lab.world.draft import INTERNET
from meshc.lab.world.nat import rebound
from meshc.lab.world.places import Port
from meshc.lab.world.router_jobs import ForgetMappings, MoveAddress, RouteAddress
from meshc.lab.world.sites import WAN
from meshc.prefixes import DEFAULT_V4, address_text

NOTICE = 15.0
SLACK = 10.0
FORGOTTEN = 120.0
NEW_PORTS = (40_000, 60_000)


def check_recovery(
    session: LabSession,
    subject: Subject,
    predicted: Mapping[Key, Predicted],
    tell: Callable[[str], None] = lambda _: None,
) -> list[Check]:
    """Disturbs the network in each way that it knows, and times until every pair that should
    work does again."""
    keys = [key for key, value in predicted.items() if value.reachable]
    checks = []
    for router in sorted(set(session.world.nat_of.values())):
        inside = [name for name, nat in session.world.nat_of.items() if nat == router]
        # Only from outside: what comes from inside would mend the mapping by itself.
        mine = [k for k in keys if k.target in inside and k.source not in inside]
        if not mine:
            continue
        _rebind(session, router)
        checks.append(_until(session, subject, mine, f"{router} has new mappings", tell))
        if _move(session, router):
            checks.append(_until(session, subject, mine, f"{router} has a new address", tell))
    for name in sorted(session.engines):
        _restart(session, name)
        mine = [k for k in keys if k.target == name]
        checks.append(_until(session, subject, mine, f"{name} restarted its engine", tell))
        checks += _idle(session, subject, name, predicted, tell)
    return checks


def _idle(
    session: LabSession,
    subject: Subject,
    name: str,
    predicted: Mapping[Key, Predicted],
    tell: Callable[[str], None],
) -> list[Check]:
    """A restart once more, after which those who have no endpoint send nothing but keepalives:
    only `name` speaks, which must know where they are."""
    nodes = session.source.spec.nodes
    calls = [
        key
        for key, value in predicted.items()
        if key.source == name
        and value.reachable
        and value.path == (name, key.target)
        and key.target in nodes
        and not nodes[key.target].endpoints
        and nodes[key.target].lan_endpoint is None
    ]
    if not calls:
        return []
    _restart(session, name)
    what = f"{name} restarted its engine, and calls who is idle"
    notice = FORGOTTEN if session.runner == WG_QUICK else 0.0
    return [_until(session, subject, calls, what, tell, notice)]


def _restart(session: LabSession, name: str) -> None:
    session.lab.call(name, session.down_job(name).job)
    session.lab.call(name, session.up_job(name).job)


def _rebind(session: LabSession, router: str) -> None:
    """The router restarts: hosts inside get other external ports than before."""
    rules = rebound(session.world.places[router].rules, WAN, *NEW_PORTS)
    session.lab.call(router, ForgetMappings(rules))


def _move(session: LabSession, router: str) -> bool:
    """The router gets another address; False where endpoints of the file are bound to it."""
    world = session.world
    cable = next((c for c in world.cables if c.right == Port(router, WAN)), None)
    own = [a for name, a in world.places[router].addresses if name == WAN and a.family == 4]
    routes = world.places[router].routes
    gateway = next((r.via for r in routes if r.via and r.prefix == DEFAULT_V4), None)
    if cable is None or cable.left.place != INTERNET or len(own) != 1 or gateway is None:
        return False
    fixed = {a for e in world.names.values() for a in e}
    if own[0].address in fixed or " snat to " in world.places[router].rules:
        return False
    # The upper half of the lab's internet is never handed out by the layout.
    new = address_text(4, own[0].value ^ (1 << 16))
    session.lab.call(INTERNET, RouteAddress(new, cable.left.interface))
    session.lab.call(router, MoveAddress(WAN, own[0].address, new, gateway))
    return True


def _until(
    session: LabSession,
    subject: Subject,
    keys: Iterable[Key],
    what: str,
    tell: Callable[[str], None],
    notice: float = 0.0,
) -> Check:
    keepalive = max((n.keepalive for n in session.source.spec.nodes.values()), default=0)
    bound = max(NOTICE, notice) + SLACK + keepalive + subject.patience.session - PATIENCE
    begun = time.monotonic()
    found = measure.reachability(session.lab, subject, keys, (), patience=bound, strict=True)
    seconds = round(time.monotonic() - begun, 2)
    still = [f"{k.source} → {k.target}" for k, value in found.items() if not value.reachable]
    tell(f"{what}: {seconds:.1f} s")
    detail = f"after {bound:g} s still lost: {'; '.join(still[:5])}" if still else ""
    return Check("recovery", what, not still, detail, seconds)
