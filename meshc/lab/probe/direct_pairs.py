"""Direct pairs: which leaves' agents have found a direct path, and the prediction with them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from meshc.lab.agent_jobs import ReadPairs
from meshc.lab.lab_session import LabSession
from meshc.lab.probe import failover
from meshc.lab.report.lab_report import Check, Key, Predicted
from meshc.topology.planner.links.punching import may_be_punched
from meshc.topology.planner.policy.link_policy import LinkPolicy

SETTLED = 20.0
"""Seconds for the first attempt: each endpoint of a pair is tried for two, the last for six."""
_POLL = 0.5
Pair = frozenset[str]


def await_direct(session: LabSession) -> tuple[dict[Pair, str], float]:
    """Every pair whose agents may find a direct path, and why it has none (empty: it has); once all
    have one or have been tried, and the seconds that took. Raises: NodeError."""
    failover.await_agents(session)
    begun = time.monotonic()
    while True:
        found = _pairs(session)
        waited = time.monotonic() - begun
        if all(not how or how.startswith("relayed") for how in found.values()) or waited > SETTLED:
            return found, waited


def _pairs(session: LabSession) -> dict[Pair, str]:
    time.sleep(_POLL)
    found: dict[Pair, str] = {}
    for name in failover.moving(session):
        for other, how in session.lab.call(name, ReadPairs(session.source.interface)).items():
            pair = frozenset((name, other))
            # direct is who is direct at both ends
            found[pair] = found.get(pair, "") or ("" if how == "direct" else how)
    return found


def check_direct(session: LabSession, found: Mapping[Pair, str], seconds: float) -> Check:
    """Whether every pair has a direct path whose NATs, as they are in this lab, let it meet."""
    spec = session.source.spec
    names = list(spec.nodes)
    nodes = list(spec.nodes.values())
    policy = LinkPolicy.of(spec)
    slow = []
    for pair, why in found.items():
        one, other = sorted(pair)
        if why and not may_be_punched(nodes, {}, policy, names.index(one), names.index(other)):
            slow.append(f"{one} ↔ {other}: {why}")
    direct = sum(not why for why in found.values())
    title = f"{direct} of {len(found)} pairs have found a direct path"
    return Check("direct", title, not slow, "; ".join(sorted(slow)[:5]), round(seconds, 2))


def with_direct(
    predicted: Mapping[Key, Predicted], found: Mapping[Pair, str], relays: Collection[str]
) -> dict[Key, Predicted]:
    """The prediction where these pairs need no relay any more."""
    direct = {pair for pair, why in found.items() if not why}
    return {
        key: replace(value, path=_shorter(value.path, direct, relays))
        for key, value in predicted.items()
    }


def _shorter(
    path: Sequence[str], direct: Collection[Pair], relays: Collection[str]
) -> tuple[str, ...]:
    ends = [at for at, name in enumerate(path) if name not in relays]
    made = list(path[: ends[0] + 1]) if ends else list(path)
    for one, other in itertools.pairwise(ends):
        between = path[one + 1 : other] if {path[one], path[other]} not in direct else ()
        made += [*between, path[other]]
    return tuple(made + list(path[ends[-1] + 1 :])) if ends else tuple(path)
