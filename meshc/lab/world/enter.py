"""Into a running lab from outside: run a program in a node, or open a socket on a link."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Sequence

from meshc.errors import NodeError
from meshc.lab.world import linux
from meshc.lab.world.control import Lab
from meshc.lab.world.netns import USER


def run_inside(lab: Lab, place: str, argv: Sequence[str], output: tuple[int, int] = (1, 2)) -> int:
    """Runs a program in a place with this process's terminal, and answers with its exit code.
    What it writes goes to the two descriptors.

    This process has entered the lab afterwards: nothing else should be done with it.
    Raises: NodeError when there is no such place.
    """
    descriptors = _open(lab, place, ("pid", "mnt", "uts", "net"))
    here = os.getcwd()
    for kind, descriptor in descriptors:
        linux.setns(descriptor, kind)
    with contextlib.suppress(OSError):  # entering a mount namespace leads to its root
        os.chdir(here)
    child = os.fork()
    if child == 0:
        try:
            for standard, descriptor in zip((1, 2), output, strict=True):
                os.dup2(descriptor, standard)
            os.execvp(argv[0], list(argv))
        except OSError as error:
            print(f"{argv[0]}: {error.strerror}", file=sys.stderr)
            os._exit(127)
    before = {n: signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGQUIT)}
    try:
        _, status = os.waitpid(child, 0)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def enter_network(lab: Lab, place: str) -> None:
    """Moves this process into a place's network, and nothing else: files stay the host's.
    Raises: NodeError when there is no such place."""
    for kind, descriptor in _open(lab, place, ("net",)):
        linux.setns(descriptor, kind)


def _open(lab: Lab, place: str, names: Sequence[str]) -> list[tuple[int, int]]:
    """Namespace files of a place, opened while the host's /proc is still in view."""
    holders = lab.holders()
    if place not in holders:
        known = ", ".join(sorted(lab.state.nodes))
        raise NodeError(f"{place!r} is not in lab {lab.state.id}", hint=f"nodes: {known}")
    keeper = f"/proc/{lab.state.pid}"
    kinds = {"pid": linux.NEWPID, "mnt": linux.NEWNS, "uts": linux.NEWUTS, "net": linux.NEWNET}
    found = []
    if lab.state.mode == USER:
        found.append((linux.NEWUSER, os.open(f"{keeper}/ns/user", os.O_RDONLY)))
    for name in names:
        path = f"{keeper}/ns/{name}"
        if holders[place] and name != "pid":
            path = f"{keeper}/root/proc/{holders[place]}/ns/{name}"
        elif name == "net":
            path = f"{keeper}/root/run/netns/{place}"
        found.append((kinds[name], os.open(path, os.O_RDONLY)))
    return found
