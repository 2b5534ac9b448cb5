"""PreUp, PostUp, PreDown and PostDown: run as wg-quick(8) runs them."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from meshc.errors import NodeError
from meshc.node.change import Change
from meshc.values import dataclass

if TYPE_CHECKING:
    from meshc.node.machine import Machine


@dataclass(frozen=True, slots=True)
class Hook(Change):
    """One hook line; `%i` is the interface, `$CONFIG_FILE` the `file` that it stands in. Only its
    own counterpart can undo it."""

    recorded: ClassVar[bool] = False
    interface: str
    phase: str
    command: str
    file: str = ""

    def describe(self) -> str:
        return f"{self.phase}: {self.command.replace('%i', self.interface)}"

    def apply(self, machine: Machine) -> None:
        run(self.phase, self.command, self.interface, self.file)

    def reverse(self, machine: Machine) -> None:
        return


def run(phase: str, command: str, interface: str, file: str = "") -> None:
    """Raises: NodeError when the command fails; its own output goes where ours goes."""
    line = command.replace("%i", interface)
    try:
        # wg-quick evaluates hooks in a bash with these options, in the C locale
        result = subprocess.run(
            ["bash", "-O", "extglob", "-e", "-o", "pipefail", "-c", line],
            env={**os.environ, "LC_ALL": "C", "INTERFACE": interface, "CONFIG_FILE": file},
            check=False,
        )
    except OSError as error:
        raise NodeError(
            f"bash is needed for hooks and could not be run: {error.strerror}"
        ) from None
    if result.returncode:
        raise NodeError(f"{phase} failed (exit {result.returncode}): {line}")


def refusal(path: Path) -> str:
    """Why the hooks of this file must not be run as root; empty when they may.

    Whoever can write the file, or replace it in its directory, could run anything."""
    own = {0, os.geteuid()}
    for place in (path, path.parent):
        info = place.stat()
        loose = stat.S_IMODE(info.st_mode) & 0o022
        if loose and not (place != path and info.st_mode & stat.S_ISVTX):
            return f"{place} can be written by others (mode {stat.S_IMODE(info.st_mode):o})"
        if info.st_uid not in own:
            return f"{place} belongs to user {info.st_uid}, not to root"
    return ""
