"""Who ends what nobody confirms: a process that waits for the deadline, or the next boot.

The process also puts to work what was armed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from dataclasses import replace

from meshc.deploy.protocol import Pending, State
from meshc.deploy.remote import bootguard, units
from meshc.deploy.remote.advancing import answers, make_stay, put_to_work
from meshc.deploy.remote.base import Refusal, boot, clock, read, run, write
from meshc.deploy.remote.deployment_record import Candidate, DeploymentRecord
from meshc.deploy.remote.deployment_states import Event, unfinished
from meshc.deploy.remote.managed_interface import ManagedInterface
from meshc.deploy.remote.restoring import restore
from meshc.deploy.remote.supervision import sync

WAY = 30.0
"""Seconds in which a peer that leads to the operator has to answer: with six tries of a handshake
(whitepaper 6.4), each of which may get lost."""
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
        if record.state is State.ARMED:
            left = record.staged.commit_at - clock()
        if left > 0:
            time.sleep(min(left, 1.0))
        elif record.state is State.ARMED:
            _commit(interface, token)
        else:
            _end(interface, token)
            return


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
    stays = record.state is State.COMMIT_CONFIRMED and _way(interface, token)
    with interface.locked():
        record = interface.load()
        if record.token != token or not unfinished(record.state):
            return
        if stays and record.state is State.COMMIT_CONFIRMED:
            make_stay(interface, record)
        else:
            restore(interface, record, Event.TIMEOUT)


def _way(interface: ManagedInterface, token: str) -> bool:
    """Whether one of those on the way has kept the new configuration."""
    record = interface.load()
    if not record.staged.way:
        return False
    with contextlib.suppress(Refusal):  # where the file says, not where a peer has roamed to
        sync(interface, (), ())
    heard = clock()
    while clock() - heard < WAY:
        record = interface.load()
        if record.token != token or record.state is not State.COMMIT_CONFIRMED:
            return False  # somebody else has ended it
        began = clock()
        if answers(dict(record.staged.way)):
            heard = began
            if began >= _certain(record.staged):
                return True
        time.sleep(0.2)
    return False


def _certain(candidate: Candidate) -> float:
    return candidate.decide_at + SURE * (candidate.decide_at - candidate.deadline)


def at_boot(interface: ManagedInterface, token: str) -> None:
    """Restores what a restart of the machine interrupted, before the interface comes up: what
    the boot starts by itself is up to the units that were enabled, as before.

    What was at work already on a node behind others stays until it is known what they have done:
    one that has kept the new configuration would not let this node in with the old one."""
    with interface.locked():
        record = interface.load()
        mine = record.token == token and unfinished(record.state)
        if mine and record.state is State.COMMIT_CONFIRMED and record.staged.way:
            end = clock() + BOOTED
            again = replace(record.staged, deadline=end, decide_at=end, boot=boot())
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
