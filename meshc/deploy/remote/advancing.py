"""The way ahead: a candidate is put to work, and what was confirmed stays."""

from __future__ import annotations

import os
import shutil
import socket
import time
from dataclasses import replace

from meshc.deploy.protocol import Activation, Supervisor
from meshc.deploy.remote import bootguard, environment, staging, units
from meshc.deploy.remote.base import Refusal, clock, from_os, pings, read
from meshc.deploy.remote.deployment_record import Candidate, Deployed, DeploymentRecord
from meshc.deploy.remote.deployment_states import Event, after
from meshc.deploy.remote.key_handover import hand_over
from meshc.deploy.remote.managed_interface import ManagedInterface
from meshc.deploy.remote.restoring import restore
from meshc.deploy.remote.supervision import reload, start, stop, sync

_SSH = 22


def put_to_work(interface: ManagedInterface, record: DeploymentRecord) -> DeploymentRecord:
    """The new files are in place, and what they say runs. Raises: Refusal, when what was there
    before has been put back."""
    state = after(record.state, Event.COMMIT)
    candidate = replace(record.staged, committed_at=int(time.time()))
    record = replace(record, state=state, candidate=candidate)
    interface.save(record)
    try:
        _switch(interface, record.token, candidate)
        record = replace(record, state=after(state, Event.RUNS))
        interface.save(record)
    except (Refusal, OSError) as error:
        failure = (error if isinstance(error, Refusal) else from_os(error)).failure
        restore(interface, replace(record, state=state, failed=failure.message), Event.FAILS)
        raise Refusal(
            failure.message + "; the node has put back what was there",
            failure.hint,
            failure.reason,
        ) from error
    return record


def make_stay(interface: ManagedInterface, record: DeploymentRecord) -> DeploymentRecord:
    """The new file stays, and nobody takes it back any more."""
    state, candidate = after(record.state, Event.CONFIRM), record.staged
    # a copy to compare with later; should the machine stop between the two writes, the record
    # still names the deployment before, whose file is put back
    copy = os.path.join(interface.home, "deployed.next")
    shutil.copyfile(interface.conf, copy)
    known = {candidate.sha, record.deployed.sha if record.deployed else candidate.sha}
    kept = staging.keep_foreign(interface, record.token, known)
    deployed = Deployed(candidate.sha, candidate.env, candidate.mark)
    record = DeploymentRecord(state, record.token, deployed, kept=kept)
    interface.save(record)
    os.replace(copy, os.path.join(interface.home, "deployed.conf"))
    bootguard.remove(interface)
    staging.clean(interface, record.token)
    units.settle(interface, candidate.supervisor)
    watched = (
        candidate.supervisor is Supervisor.WG_QUICK_UNIT
        and candidate.env.get("MESHC_WATCH") != "off"
    )
    if watched and candidate.activation in (Activation.FILE, Activation.SYNC):
        units.look_after(interface)  # what starts anew has it already
    environment.settle(interface.name, candidate.environment)
    return record


def answers(where: dict[str, str]) -> set[str]:
    """Which of the addresses in the tunnel somebody is at: one ping, or a connection that is taken
    or refused. All pings are waited for a second."""
    found = pings(where)
    return found or {key for key, address in where.items() if _connects(address)}


def _connects(address: str) -> bool:
    try:
        socket.create_connection((address, _SSH), 1).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return True


def _switch(interface: ManagedInterface, token: str, candidate: Candidate) -> None:
    how, supervisor = candidate.activation, candidate.supervisor
    limit = max(1.0, candidate.deadline - clock())
    if how is Activation.RESTART:
        stop(interface, limit)
    environment.switch(interface.name, candidate.environment)
    staging.switch(interface, token, candidate)
    if candidate.commit_at and how in (Activation.SYNC, Activation.RELOAD):
        # others do so in this moment, and whose key is new begins a session with each of them
        hand_over(interface, (read(interface.conf) or b"").decode("utf-8", "replace"))
    if how is Activation.SYNC:
        sync(interface, candidate.routes.add, candidate.routes.remove, limit)
    elif how is Activation.RELOAD:
        reload(interface, supervisor, limit)
    elif how in (Activation.START, Activation.RESTART):
        start(interface, supervisor, candidate.env, limit)
