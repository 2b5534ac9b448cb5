"""What goes through the tunnels when a deploy has ended: measured, from each node to its peers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshc.deploy.connect.dial import Dial
from meshc.deploy.deploy_outcome import DeployOutcome
from meshc.deploy.plan.survey import Surveyed, Tell, gathered
from meshc.deploy.protocol import AskPeers
from meshc.errors import NodeError
from meshc.values import dataclass

PATIENCE = 10.0
"""Seconds: two tries of a handshake (whitepaper 6.4), each end at its own time."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """From a node to those of its peers that were deployed as well: who answered, and who did not.
    A node that could not be asked has neither."""

    node: str
    answered: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


async def measured(
    surveyed: Sequence[Surveyed],
    ends: Sequence[DeployOutcome],
    dial: Dial,
    tell: Tell,
    *,
    parallel: int,
) -> list[Traffic]:
    """Nothing where nothing was deployed. Peers that are not among the nodes may be anywhere, and
    are not asked."""
    good = {end.node for end in ends if end.good}
    if not any(end.changed for end in ends):
        return []

    async def one(found: Surveyed) -> Traffic:
        target, name = found.target, found.target.name
        keys = {str(p.public_key): p.name for p in target.plan.peers if p.name in good}
        wanted = {key: at for key, at in target.inside.items() if key in keys}
        if not wanted:
            return Traffic(name)
        tell(name, "measure")
        try:
            session = await dial(target)
            try:
                answer = await session.call(AskPeers(wanted, PATIENCE), timeout=PATIENCE + 20)
            finally:
                await session.transport.close()
        except NodeError:
            return Traffic(name)
        return _traffic(name, {key: keys[key] for key in wanted}, answer.alive)

    there = [found for found in surveyed if found.target.name in good]
    return await gathered([one(found) for found in there], parallel)


def _traffic(name: str, keys: Mapping[str, str], alive: Sequence[str]) -> Traffic:
    answered = sorted(peer for key, peer in keys.items() if key in alive)
    silent = sorted(peer for key, peer in keys.items() if key not in alive)
    return Traffic(name, tuple(answered), tuple(silent))
