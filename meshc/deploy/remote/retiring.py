"""The end of an interface on a node that has left the network: down, and its files away."""

from __future__ import annotations

import contextlib
import os
import shutil

from meshc.deploy.protocol import UNITS, FailureReason, ReachedState, Retire, State
from meshc.deploy.remote import environment, staging, units
from meshc.deploy.remote.base import Refusal, ok, read, sha
from meshc.deploy.remote.managed_interface import ManagedInterface
from meshc.deploy.remote.supervision import stop
from meshc.deploy.remote.watcher import pending


def retire(interface: ManagedInterface, _: Retire) -> ReachedState:
    """Takes down what deploys brought here, and nothing else; a key that lives in a file of its own
    stays. Raises: Refusal, where it is not what was deployed last."""
    if not os.path.isdir(interface.home):
        return ReachedState(State.IDLE)
    with interface.locked():
        record = interface.load()
        left = pending(interface, record)
        if left is not None and left.watched:
            raise Refusal("a deploy is under way", f"wait {left.seconds} s", FailureReason.BUSY)
        content = read(interface.conf)
        if content is not None and (record.deployed is None or record.deployed.sha != sha(content)):
            raise Refusal(
                f"{interface.conf} is not the file that was deployed last",
                "look at it, and take it down by hand",
                FailureReason.CHANGED,
            )
        stop(interface)
        _remove_units(interface)
        for path in (interface.conf, _own_node_json(interface)):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        gone = environment.change(interface.name, interface.directories.environments, "")
        if gone.old:
            environment.switch(interface.name, gone)
            environment.settle(interface.name, gone)
    shutil.rmtree(interface.home)
    return ReachedState(State.IDLE)


def _remove_units(interface: ManagedInterface) -> None:
    if not units.runs():
        return
    for supervisor in units.enabled(interface):
        ok(["systemctl", "disable", "--quiet", units.name(interface, supervisor)])
    for supervisor in UNITS:
        path = units.path_of(interface, supervisor)
        if (read(path) or b"").startswith(units.HEADER.encode()):
            os.unlink(path)
            units.remove_directory(os.path.dirname(path))
    units.reload()


def _own_node_json(interface: ManagedInterface) -> str:
    """The facts beside the file, where they are of this interface."""
    return interface.node_json if staging.owner(interface) == interface.name else ""
