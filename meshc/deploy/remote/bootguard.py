"""What puts an unfinished deployment back when the machine was restarted in the middle of it.

The watcher does not outlive a restart. A unit of ours does: staging leaves it for the next boot,
ahead of everything that brings the network up, and the end of the deployment takes it away.
"""

from __future__ import annotations

import contextlib
import os
import sys

from meshc.deploy.protocol import UNITS
from meshc.deploy.remote import units
from meshc.deploy.remote.base import sync_directory, write
from meshc.deploy.remote.managed_interface import ManagedInterface

# It takes no part in the default dependencies: those would put it after sysinit.target, for which
# cloud-init waits with the network already up.
_UNIT = """\
{header}# It goes away by itself when the deploy is confirmed or undone.
[Unit]
Description=Put WireGuard on {interface} back to before a deploy that nobody confirmed
DefaultDependencies=no
RequiresMountsFor={conf_dir} {state_dir}
After=local-fs.target
Wants=network-pre.target
Before=network-pre.target {before} shutdown.target
Conflicts=shutdown.target

[Service]
Type=oneshot
TimeoutStartSec=120
ExecStart={argv}
"""


def place(interface: ManagedInterface, token: str) -> None:
    """From here on the next boot restores. On the disk when it returns."""
    if not units.runs():
        return
    places = interface.directories
    argv = (
        sys.executable,
        os.path.join(interface.home, "program.py"),
        *("boot", interface.name, places.conf, places.state, places.environments, token),
    )
    text = _UNIT.format(
        header=units.HEADER,
        interface=units.escaped(interface.name),
        conf_dir=units.quoted(places.conf),
        state_dir=units.quoted(places.state),
        before=" ".join(units.name(interface, one) for one in UNITS),
        argv=" ".join(units.argument(word) for word in argv),
    )
    path, link = _paths(interface)
    write(path, text.encode(), 0o644)
    units.make_directory(os.path.dirname(link))
    with contextlib.suppress(FileExistsError):
        os.symlink(path, link)
    sync_directory(os.path.dirname(link))


def remove(interface: ManagedInterface) -> None:
    """The next boot changes nothing. Should it be lost that this happened: the unit looks at the
    state of the deployment first."""
    for path in reversed(_paths(interface)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _paths(interface: ManagedInterface) -> tuple[str, str]:
    unit = f"meshc-restore-{units.escaped(interface.name)}.service"
    wants = os.path.join(units.DIRECTORY, "sysinit.target.wants")
    return os.path.join(units.DIRECTORY, unit), os.path.join(wants, unit)
