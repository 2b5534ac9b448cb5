"""The way back: what a deployment changed on the node is put back as it was before."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from meshc.deploy.protocol import Activation, State
from meshc.deploy.remote import bootguard, environment, staging
from meshc.deploy.remote.base import Refusal, clock
from meshc.deploy.remote.deployment_record import Candidate, DeploymentRecord
from meshc.deploy.remote.deployment_states import Event, after
from meshc.deploy.remote.managed_interface import ManagedInterface
from meshc.deploy.remote.supervision import reload, running, start, stop, sync

_GOES_ON = (Activation.SYNC, Activation.RELOAD, Activation.FILE)


def restore(
    interface: ManagedInterface, record: DeploymentRecord, why: Event, *, up: bool = True
) -> DeploymentRecord:
    """Makes it as it was before the candidate was staged, and says what is known then. May be
    called again after it was interrupted. `up`: what ran then is started."""
    candidate, state = record.staged, after(record.state, why)
    if state is State.ROLLING_BACK:  # else nothing was touched yet
        with contextlib.suppress(OSError):  # a full disk must not stop the renames
            interface.save(replace(record, state=state))
        _put_back(interface, record.token, candidate, up=up)
        state = after(state, Event.RESTORED)
    staging.clean(interface, record.token)
    restored = DeploymentRecord(state, record.token, record.deployed, failed=record.failed)
    interface.save(restored)
    bootguard.remove(interface)
    environment.prune(candidate.environment.home)
    return restored


def hold_back(
    interface: ManagedInterface, record: DeploymentRecord, until: float
) -> DeploymentRecord:
    """Makes it as it was before, and keeps the candidate beside: until then nobody knows which of
    the two the others have. Interrupted, it is put back as ever."""
    candidate = record.staged
    staging.keep_new(interface, record.token, candidate)
    rolling = after(record.state, Event.TIMEOUT)
    interface.save(replace(record, state=rolling))
    _put_back(interface, record.token, candidate, up=True)
    staging.keep_old(interface, record.token, candidate)
    now = clock()
    doubtful = replace(candidate, deadline=now, decide_at=now, doubt_until=until)
    held = replace(record, state=after(rolling, Event.DOUBT), candidate=doubtful)
    interface.save(held)
    return held


def _put_back(interface: ManagedInterface, token: str, candidate: Candidate, *, up: bool) -> None:
    before = candidate.before
    going_on = candidate.activation in _GOES_ON and running(interface).up
    if not going_on:
        stop(interface)
    staging.put_back(interface, token, candidate)
    environment.switch_back(interface.name, candidate.environment)
    if going_on:
        going_on = _changed_back(interface, candidate)
    if up and before.supervisor and not going_on:
        start(interface, before.supervisor, before.env)


def _changed_back(interface: ManagedInterface, candidate: Candidate) -> bool:
    """Without taking the interface down; False, and it is down, where that fails."""
    try:
        if candidate.activation is Activation.SYNC:
            sync(interface, candidate.routes.remove, candidate.routes.add)
        elif candidate.activation is Activation.RELOAD:
            reload(interface, candidate.supervisor)
    except Refusal:
        stop(interface)
        return False
    return True
