"""A deployment on the node, step by step; its states are in `deployment_states`.

`stage` puts everything that needs room on disk in its place and starts the watcher, a process of
its own that restores what was there when nobody confirmed before the deadline. From then on the
operator's connection may die at any moment. The new and the old file lie beside the
configuration under names of this deployment, so that going there and back are renames, which a
full disk cannot stop. A machine that is restarted in between restores at the next boot, before the
interface comes up.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from dataclasses import replace

from meshc.deploy.protocol import (
    Adopt,
    CommitConfirmed,
    Confirm,
    FailureReason,
    ReachedState,
    RollBack,
    RunningInterface,
    StageCandidate,
    Verified,
    Verify,
)
from meshc.deploy.remote import bootguard, environment, staging
from meshc.deploy.remote.advancing import answers, make_stay, put_to_work
from meshc.deploy.remote.base import Refusal, boot, clock, pings, read, sha, write
from meshc.deploy.remote.deployment_record import (
    Before,
    Candidate,
    Deployed,
    DeploymentRecord,
)
from meshc.deploy.remote.deployment_states import Event, after, over, unfinished
from meshc.deploy.remote.managed_interface import ManagedInterface
from meshc.deploy.remote.restoring import restore
from meshc.deploy.remote.supervision import running
from meshc.deploy.remote.watcher import in_doubt, pending, start_watcher, steady

ALIVE = 180  # seconds; a session is renewed every 120 and dead after 180 (whitepaper 6.1)
REST = 10.0
"""Seconds for the others when one peer has answered: some of them may have gone to sleep."""
_TOKEN = re.compile(r"[0-9a-f]{16}")


def stage(interface: ManagedInterface, request: StageCandidate) -> ReachedState:
    """Keeps what runs, puts the new file beside it, starts the watcher. Undone when it fails."""
    if not _TOKEN.fullmatch(request.token):
        raise Refusal("not a token")
    interface.make_home()
    with interface.locked():
        record = _ended(interface)
        if sha(read(interface.conf)) != request.sha:
            raise _changed(interface)
        staging.clean(interface)
        state = after(record.state, Event.STAGE)
        candidate = _candidate(interface, request, record.deployed)
        try:
            candidate = replace(candidate, files=staging.stage(interface, request))
            write(os.path.join(interface.home, "program.py"), request.program.encode())
            interface.save(DeploymentRecord(state, request.token, record.deployed, candidate))
            bootguard.place(interface, request.token)
            start_watcher(interface, request.token)
        except BaseException:
            bootguard.remove(interface)
            staging.clean(interface, request.token)
            with contextlib.suppress(OSError):
                failed = after(state, Event.FAILS)
                interface.save(DeploymentRecord(failed, deployed=record.deployed))
            raise
        return ReachedState(state)


def commit_confirmed(interface: ManagedInterface, request: CommitConfirmed) -> ReachedState:
    """Puts the new file in place and makes it run, or lets the watcher do so later. On a failure
    what was there is put back."""
    with interface.locked():
        if request.delay <= 0:
            record = _mine(interface, request.token, Event.COMMIT)
            return ReachedState(put_to_work(interface, record).state)
        record = _mine(interface, request.token, Event.ARM)
        candidate = replace(record.staged, commit_at=clock() + request.delay)
        if candidate.commit_at >= candidate.deadline:
            raise Refusal("the window is over before it would be put to work", "deploy again")
        record = replace(record, state=after(record.state, Event.ARM), candidate=candidate)
        interface.save(record)
        return ReachedState(record.state)


def verify(interface: ManagedInterface, request: Verify) -> Verified:
    """Whether the interface is up with the right key, whether one of those answers that lead to
    the operator, and who answers of those who did before."""
    candidate = _mine(interface, request.token, Event.VERIFY).staged
    wanted = {key: at for key, at in request.peers.items() if key in candidate.before.alive}
    end = min(clock() + request.patience, candidate.deadline)
    enough = clock() + REST
    alive: set[str] = set()
    way = not candidate.way
    while True:
        now = running(interface)
        good = now.up and now.public_key == request.public_key
        silent = {key: where for key, where in wanted.items() if key not in alive}
        # a session that went on makes no new handshake, but it answers
        alive |= pings(silent)
        alive |= {key for key in silent if _handshake(now, key) >= candidate.committed_at}
        way = way or bool(answers(dict(candidate.way)))
        all_there = len(alive) == len(wanted) or (bool(alive) and clock() >= enough)
        if (good and way and all_there) or clock() >= end:
            break
        time.sleep(0.2)
    return Verified(good, now.up, way, now.public_key, tuple(sorted(wanted)), tuple(sorted(alive)))


def confirm(interface: ManagedInterface, request: Confirm) -> ReachedState:
    """Ends the deployment: the new file stays. After this answer the watcher does nothing."""
    with interface.locked():
        record = _mine(interface, request.token, Event.CONFIRM)
        if after(record.state, Event.CONFIRM) is record.state:
            # the answer to the first request got lost
            return ReachedState(record.state, record.kept)
        record = make_stay(interface, record)
        return ReachedState(record.state, record.kept)


def roll_back(interface: ManagedInterface, request: RollBack) -> ReachedState:
    """Restores at once instead of at the deadline."""
    if not os.path.isdir(interface.home):
        return ReachedState(DeploymentRecord().state)
    with interface.locked():
        record = interface.load()
        if unfinished(record.state) and request.token in (None, record.token):
            record = restore(interface, record, Event.ROLL_BACK)
        return ReachedState(record.state)


def adopt(interface: ManagedInterface, request: Adopt) -> ReachedState:
    """Records that the file which is there is the deployed one: it was equal already. So is one
    that a deployment brought which nobody will end any more."""
    interface.make_home()
    with interface.locked():
        record = interface.load()
        left = pending(interface, record)
        content = read(interface.conf) or b""
        if (left and left.watched) or sha(content) != request.sha:
            raise _changed(interface)
        write(os.path.join(interface.home, "deployed.conf"), content)
        env = record.staged.env if left else None
        state = after(record.state, Event.ADOPT)
        interface.save(
            DeploymentRecord(state, record.token, Deployed(request.sha, env, request.mark))
        )
        if left:
            bootguard.remove(interface)
            staging.clean(interface)
    return ReachedState(state)


def _ended(interface: ManagedInterface) -> DeploymentRecord:
    """The record, where no deployment is under way; what nobody watches any more is rolled back,
    and so is what was in doubt while the old one is at work: somebody is here. Raises: Refusal."""
    record = interface.load()
    left = pending(interface, record)
    if left and left.watched and not in_doubt(record):
        raise Refusal(
            "another deploy of this interface is under way",
            f"wait: {left.seconds} s from now the node puts back what ran before",
            FailureReason.BUSY,
        )
    return restore(interface, record, Event.ROLL_BACK) if left else record


def _candidate(
    interface: ManagedInterface, request: StageCandidate, deployed: Deployed | None
) -> Candidate:
    now = running(interface)
    env = deployed.env if deployed else None
    if env is None:
        env = {} if request.environment else request.env
    home = interface.directories.environments
    end = clock() + request.window
    return Candidate(
        deadline=end,
        decide_at=end + (request.grace if request.way else 0.0),
        way=request.way,
        way_before=request.way_before,
        steady=steady(request.grace),
        boot=boot(),
        activation=request.activation,
        supervisor=request.supervisor,
        env=request.env,
        routes=request.routes,
        environment=environment.change(interface.name, home, request.environment),
        sha=hashlib.sha256(request.conf.encode()).hexdigest(),
        mark=request.mark,
        before=Before(
            supervisor=now.supervisor,
            env=env,
            alive=tuple(k for k in now.peers if time.time() - _handshake(now, k) < ALIVE),
        ),
    )


def _mine(interface: ManagedInterface, token: str, event: Event) -> DeploymentRecord:
    """The record, where it is of this deployment and the event may come. Raises: Refusal."""
    record = interface.load()
    if record.token != token:
        raise over(record.state)
    after(record.state, event)
    if record.candidate and record.candidate.committed_at and record.candidate.boot != boot():
        raise Refusal("the node was restarted in between", "deploy again", FailureReason.OVER)
    return record


def _changed(interface: ManagedInterface) -> Refusal:
    return Refusal(
        f"{interface.conf} changed meanwhile", "look at the plan again", FailureReason.CHANGED
    )


def _handshake(now: RunningInterface, key: str) -> int:
    """When the last one was, in seconds since 1970; 0 for never."""
    return now.peers[key].handshake if key in now.peers else 0
