"""The states of a deployment on the node, and what leads from one to the next.

Theory of operation
-------------------
The node keeps one record for each interface, in STATE/IFACE/state.json, and changes it under a
lock. `TRANSITIONS` is the whole of its behaviour: a pair that is not in it does not happen, and
what asks for it is told that the deployment is over. No code beside it decides by a state.

A deployment is *unfinished* from `stage` until it is confirmed or rolled back. While it is, a
watcher (a process of its own) or, after a restart of the machine, a unit at boot rolls it back
without anybody: that is what `TIMEOUT` and `BOOT` are, and a state is unfinished exactly if
`TIMEOUT` leads on from it. So the controller may be gone at any moment.

A candidate that is *armed* is put to work by the watcher at its time: nodes that reach each other
through what they change switch together, because after that nobody could tell them. A candidate has
touched nothing, so that taking it back is one step. From `COMMIT` on, files are renamed and
interfaces restarted; going back is work too, and may be interrupted: `ROLLING_BACK` is entered
again until it ends with `RESTORED`; or with `DOUBT`, where nobody on the way to the operator has
answered, so that it is not known which of the two they have: the candidate is armed once more.

The same answer may get lost on its way: a `confirm` of what is confirmed is answered once more.
`ADOPT` says that the file which is there is the deployed one. Where a deployment has ended it
changes nothing else; one that nobody watches any more it confirms.

The picture in docs/deploy.md is made from this table by docs/states.py.
"""

from __future__ import annotations

from enum import Enum

from meshc.deploy.protocol import FailureReason, State
from meshc.deploy.remote.base import Refusal


class Event(Enum):
    """What happens to a deployment."""

    STAGE = "stage"
    ARM = "arm"
    COMMIT = "commit-confirmed"
    RUNS = "it runs"
    FAILS = "it fails"
    VERIFY = "verify"
    CONFIRM = "confirm"
    ROLL_BACK = "roll back"
    TIMEOUT = "window over"
    BOOT = "restart"
    RESTORED = "all is back"
    DOUBT = "nobody answered"
    ADOPT = "adopt"


TRANSITIONS = {
    (State.IDLE, Event.STAGE): State.CANDIDATE,
    (State.CONFIRMED, Event.STAGE): State.CANDIDATE,
    (State.ROLLED_BACK, Event.STAGE): State.CANDIDATE,
    (State.CANDIDATE, Event.ARM): State.ARMED,
    (State.CANDIDATE, Event.COMMIT): State.COMMITTING,
    (State.CANDIDATE, Event.FAILS): State.ROLLED_BACK,
    (State.CANDIDATE, Event.ROLL_BACK): State.ROLLED_BACK,
    (State.CANDIDATE, Event.TIMEOUT): State.ROLLED_BACK,
    (State.CANDIDATE, Event.BOOT): State.ROLLED_BACK,
    (State.ARMED, Event.COMMIT): State.COMMITTING,
    (State.ARMED, Event.ROLL_BACK): State.ROLLED_BACK,
    (State.ARMED, Event.TIMEOUT): State.ROLLED_BACK,
    (State.ARMED, Event.BOOT): State.ROLLED_BACK,
    (State.COMMITTING, Event.RUNS): State.COMMIT_CONFIRMED,
    (State.COMMITTING, Event.FAILS): State.ROLLING_BACK,
    (State.COMMITTING, Event.ROLL_BACK): State.ROLLING_BACK,
    (State.COMMITTING, Event.TIMEOUT): State.ROLLING_BACK,
    (State.COMMITTING, Event.BOOT): State.ROLLING_BACK,
    (State.COMMIT_CONFIRMED, Event.VERIFY): State.COMMIT_CONFIRMED,
    (State.COMMIT_CONFIRMED, Event.CONFIRM): State.CONFIRMED,
    (State.COMMIT_CONFIRMED, Event.ROLL_BACK): State.ROLLING_BACK,
    (State.COMMIT_CONFIRMED, Event.TIMEOUT): State.ROLLING_BACK,
    (State.COMMIT_CONFIRMED, Event.BOOT): State.ROLLING_BACK,
    (State.ROLLING_BACK, Event.ROLL_BACK): State.ROLLING_BACK,
    (State.ROLLING_BACK, Event.TIMEOUT): State.ROLLING_BACK,
    (State.ROLLING_BACK, Event.BOOT): State.ROLLING_BACK,
    (State.ROLLING_BACK, Event.RESTORED): State.ROLLED_BACK,
    (State.ROLLING_BACK, Event.DOUBT): State.ARMED,
    (State.CONFIRMED, Event.CONFIRM): State.CONFIRMED,
    (State.IDLE, Event.ADOPT): State.IDLE,
    (State.CONFIRMED, Event.ADOPT): State.CONFIRMED,
    (State.ROLLED_BACK, Event.ADOPT): State.ROLLED_BACK,
    (State.CANDIDATE, Event.ADOPT): State.CONFIRMED,
    (State.ARMED, Event.ADOPT): State.CONFIRMED,
    (State.COMMITTING, Event.ADOPT): State.CONFIRMED,
    (State.COMMIT_CONFIRMED, Event.ADOPT): State.CONFIRMED,
    (State.ROLLING_BACK, Event.ADOPT): State.CONFIRMED,
}


def after(state: State, event: Event) -> State:
    """The next state. Raises: Refusal, where there is none."""
    found = TRANSITIONS.get((state, event))
    if found is None:
        raise over(state)
    return found


def unfinished(state: State) -> bool:
    """Whether the node rolls it back when nobody does anything."""
    return (state, Event.TIMEOUT) in TRANSITIONS


def over(state: State) -> Refusal:
    return Refusal(
        f"this deployment is over: the node is {state.value}",
        "the node has put back what ran before; deploy again",
        FailureReason.OVER,
    )
