"""Nodes that have left the topology are taken down, where they can be reached."""

from __future__ import annotations

from collections.abc import Sequence

from meshc.deploy.connect.dial import Dial
from meshc.deploy.connect.transport import TransportError
from meshc.deploy.deploy_journal import DeployJournal
from meshc.deploy.deploy_outcome import DeployOutcome, End
from meshc.deploy.plan.survey import Tell, gathered
from meshc.deploy.plan.target import Target
from meshc.deploy.protocol import Retire
from meshc.errors import NodeError
from meshc.keys import PublicKey
from meshc.secret import SecretText
from meshc.topology.language.spec import NodeSpec
from meshc.topology.planner.mesh_plan import NodePlan

_BY_HAND = (
    "take it down there by hand (wg-quick down, and remove its file); its key is in no file of \
this network any more"
)


async def take_down(
    journal: DeployJournal, names: Sequence[str], dial: Dial, tell: Tell, *, parallel: int
) -> list[DeployOutcome]:
    """Before the others change: the way to one of them may lead through their tunnels."""
    return await gathered([_one(_target(journal, name), dial, tell) for name in names], parallel)


async def _one(target: Target, dial: Dial, tell: Tell) -> DeployOutcome:
    name = target.name
    tell(name, "take down")
    try:
        session = await dial(target)
    except NodeError as error:
        return DeployOutcome(name, End.FAILED, str(error), _BY_HAND)
    try:
        await session.call(Retire(), timeout=120)
    except TransportError:
        return DeployOutcome(name, End.RETIRED, "the connection to it went down with it")
    except NodeError as error:
        return DeployOutcome(name, End.FAILED, str(error), error.hint or _BY_HAND)
    finally:
        await session.transport.close()
    return DeployOutcome(name, End.RETIRED)


def _target(journal: DeployJournal, name: str) -> Target:
    """As much of it as is needed to log in."""
    known = journal.nodes[name]
    spec = NodeSpec(name=name, deploy=known.deploy)
    plan = NodePlan(spec, known.interface, PublicKey(""), (), None, 0, ())
    return Target(plan, SecretText(""))
