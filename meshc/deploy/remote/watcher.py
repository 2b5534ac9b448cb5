"""Who ends what nobody confirms: a process that waits for the deadline, or the next boot.

The process also puts to work what was armed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import replace

from meshc.deploy.protocol import Pending, State
from meshc.deploy.remote import bootguard, units
from meshc.deploy.remote.advancing import answers, make_stay, put_to_work
from meshc.deploy.remote.base import Refusal, boot, clock, read, run, write
from meshc.deploy.remote.deployment_record import DeploymentRecord
from meshc.deploy.remote.deployment_states import Event, unfinished
from meshc.deploy.remote.managed_interface import ManagedInterface
from meshc.deploy.remote.restoring import hold_back, restore
from meshc.deploy.remote.supervision import sync

WAY = 30.0
"""Seconds in which a peer that leads to the operator has to answer: with six tries of a handshake
(whitepaper 6.4), each of which may get lost."""
HOP = 25.0
"""Seconds of the grace for each tunnel between this node and those that are reached from outside
(`joint_rollout.GRACE`)."""
DOUBT = 3600.0
"""Seconds in which a node that nobody on its way answers tries the old and the new in turn."""
LIMIT = 60.0
"""Seconds for a hook or a unit when the candidate is put to work once more."""
LOOK = 3.0
"""Seconds between looks at whether those on the way are where the file says."""
SURE = 4.0
"""Times the grace: so long after the decision begins a peer still answers that has kept what is
new. Before, it may be late with going back: a slow hook, a machine that is busy or was asleep."""
BOOTED = 60.0
"""Seconds after the start of a boot in which the network comes up, and tunnels with it."""


def start_watcher(interface: ManagedInterface, token: str, *, booting: bool = False) -> None:
    """Returns when it is at work; while the machine is `booting`, at once. Raises: Refusal."""
    places = interface.directories
    program = os.path.join(interface.home, "program.py")
    rest = [interface.name, places.conf, places.state, places.environments, token]
    if units.runs() and shutil.which("systemd-run"):
        # a unit of its own: systemd may end everything that a login session leaves behind
        command = [sys.executable, program, "watch", *rest]
        again = ["--property=Restart=on-failure", "--property=RestartSec=1"]
        unit = f"meshc-rollback-{token}"
        later = ["--no-block"] if booting else []
        run(["systemd-run", "--quiet", "--collect", *later, "--unit", unit, *again, "--", *command])
    else:
        run([sys.executable, program, "detach", *rest])
    end = clock() + 10
    while not booting and _words(interface)[:1] != [token.encode()]:
        if clock() > end:
            raise Refusal("the watcher that would put things back did not start")
        time.sleep(0.02)


def watch(interface: ManagedInterface, token: str) -> None:
    """Puts an armed candidate to work at its time, waits for the confirm until the deadline, then
    ends the deployment. Runs detached from everything."""
    write(os.path.join(interface.home, "watcher"), f"{token} {os.getpid()}".encode())
    while True:
        record = interface.load()
        if record.token != token or not unfinished(record.state):
            return
        left = record.staged.decide_at - clock()
        armed = record.state is State.ARMED and not in_doubt(record)
        if armed:
            left = record.staged.commit_at - clock()
        if left > 0 and record.state is State.COMMIT_CONFIRMED and record.staged.way:
            _find(interface, record, record.staged.way)
            time.sleep(min(left, LOOK))
        elif left > 0:
            time.sleep(min(left, 1.0))
        elif armed:
            _commit(interface, token)
        elif in_doubt(record):
            _look_back(interface, token)
        else:
            _end(interface, token)


def _find(interface: ManagedInterface, record: DeploymentRecord, way: Mapping[str, str]) -> None:
    """Peers on the way that are silent are where the file says: no two nodes change in the very
    same moment, and what the other end still sent from its old port has brought this one back to
    it, where nobody is any more."""
    if answers(dict(way)):
        return
    with interface.locked(), contextlib.suppress(Refusal):
        now = interface.load()
        if (now.token, now.state) == (record.token, record.state):
            sync(interface, (), ())


def steady(grace: float) -> float:
    """For so long somebody answers who is in doubt no more: one that is goes away for `WAY`, after
    so long a time as it listens itself."""
    return 2 * WAY * max(0.0, grace / HOP - 1)


def in_doubt(record: DeploymentRecord) -> bool:
    """Nobody on the way has answered, and the old configuration is at work again."""
    return record.state is State.ARMED and record.staged.doubt_until > 0


def _commit(interface: ManagedInterface, token: str) -> None:
    """What was armed is put to work; should it fail, it is put back, and the record says why."""
    with interface.locked():
        record = interface.load()
        if record.token == token and record.state is State.ARMED:
            with contextlib.suppress(Refusal):
                put_to_work(interface, record)


def _end(interface: ManagedInterface, token: str) -> None:
    """Nobody has confirmed. The peers that lead to the operator have decided by now, or are about
    to: where one of them still answers when that is certain, it has the new configuration as well,
    and with the old one nobody would get here any more."""
    record = interface.load()
    stays = record.state is State.COMMIT_CONFIRMED and _way(interface, record)
    with interface.locked():
        record = interface.load()
        if record.token != token or not unfinished(record.state):
            return
        if stays and record.state is State.COMMIT_CONFIRMED:
            make_stay(interface, record)
        elif not _held_back(interface, record):
            restore(interface, record, Event.TIMEOUT)


def _held_back(interface: ManagedInterface, record: DeploymentRecord) -> bool:
    """Silence does not say which of the two the others have: it may be this node's own line that
    was cut. So the old one is tried, then the new one again, until somebody answers."""
    candidate = record.staged
    until = candidate.doubt_until or clock() + DOUBT
    known = candidate.way_before and candidate.before.supervisor
    if record.state is not State.COMMIT_CONFIRMED or not known or clock() >= until:
        return False
    try:
        hold_back(interface, record, until)
    except OSError:  # a full disk
        return False
    return True


def _look_back(interface: ManagedInterface, token: str) -> None:
    """The old one is at work: where somebody answers it stays, else the new one has its turn."""
    stays = _way(interface, interface.load())
    with interface.locked():
        record = interface.load()
        if record.token != token or not in_doubt(record):
            return
        if stays or clock() >= record.staged.doubt_until:
            restore(interface, record, Event.TIMEOUT)
            return
        limit = replace(record.staged, deadline=clock() + LIMIT)
        with contextlib.suppress(Refusal):  # it fails now, and is put back for good
            record = put_to_work(interface, replace(record, candidate=limit))
            now = clock()
            candidate = replace(record.staged, deadline=now, decide_at=now)
            interface.save(replace(record, candidate=candidate))


def _way(interface: ManagedInterface, record: DeploymentRecord) -> bool:
    """Whether one of those on the way has what is at work here, the new configuration or the old
    one, and is sure to keep it."""
    candidate = record.staged
    there = candidate.way_before if in_doubt(record) else candidate.way
    if not there:
        return False
    with contextlib.suppress(Refusal):  # where the file says, not where a peer has roamed to
        sync(interface, (), ())
    certain = candidate.decide_at + SURE * (candidate.decide_at - candidate.deadline)
    long = candidate.steady if candidate.doubt_until else 0.0
    first = heard = clock()
    while clock() - heard < WAY:
        now = interface.load()
        if now.token != record.token or now.state is not record.state:
            return False  # somebody else has ended it
        began = clock()
        if answers(dict(there)):
            first = began if began - heard > WAY / 2 else first
            heard = began
            if began >= certain and began - first >= long:
                return True
        time.sleep(0.2)
    return False


def at_boot(interface: ManagedInterface, token: str) -> None:
    """Restores what a restart of the machine interrupted, before the interface comes up: what
    the boot starts by itself is up to the units that were enabled, as before.

    What was at work already on a node behind others stays until it is known what they have done:
    one that has kept the new configuration would not let this node in with the old one."""
    with interface.locked():
        record = interface.load()
        mine = record.token == token and unfinished(record.state)
        unsure = record.state is State.COMMIT_CONFIRMED or (mine and in_doubt(record))
        if mine and unsure and record.staged.way:
            end = clock() + BOOTED
            until = end + DOUBT if record.staged.doubt_until else 0.0
            again = replace(record.staged, deadline=end, decide_at=end, boot=boot())
            again = replace(again, doubt_until=until)
            interface.save(replace(record, candidate=again))
            start_watcher(interface, token, booting=True)
            return
        if mine:
            restore(interface, record, Event.BOOT, up=False)
        bootguard.remove(interface)


def pending(interface: ManagedInterface, record: DeploymentRecord) -> Pending | None:
    """An unfinished deployment: whether somebody will end it, and in how many seconds."""
    if not unfinished(record.state):
        return None
    candidate, words = record.staged, _words(interface)
    here = candidate.boot == boot() and len(words) == 2
    watched = here and _is_watcher(int(words[1]), record.token)
    return Pending(watched, max(0, int(candidate.decide_at - clock()) + 1))


def _words(interface: ManagedInterface) -> list[bytes]:
    """The token and the process of the watcher that was started last."""
    return (read(os.path.join(interface.home, "watcher")) or b"").split()


def _is_watcher(pid: int, token: str) -> bool:
    words = (read(f"/proc/{pid}/cmdline") or b"").split(b"\0")
    return token.encode() in words
