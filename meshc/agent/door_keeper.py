"""The door keeper: opens the doors whose passes lie there, and closes them after use or date.

A door is a UDP port and a WireGuard that lives in this process: when it ends, nothing is left.
"""

from __future__ import annotations

import logging
import select
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from meshc.agent.door_files import DoorFiles
from meshc.errors import MeshcError
from meshc.node.machine import RUN_DIRECTORY

if TYPE_CHECKING:
    from meshc.agent.open_door import OpenDoor

LOOK = 1.0
"""Seconds between two looks at the files."""
_log = logging.getLogger(__name__)


def keep_doors(
    interface: str, stop: threading.Event, *, run_directory: Path = RUN_DIRECTORY
) -> None:
    """Until `stop` is set."""
    keeper = DoorKeeper(DoorFiles(interface, run_directory))
    last = ""
    try:
        while not stop.is_set():
            trouble = ""
            try:
                keeper.look(int(time.time()))
            except (MeshcError, OSError, ValueError) as error:
                trouble = str(error)
            if trouble not in ("", last):
                _log.warning("%s: doors: %s", interface, trouble)
            last = trouble
            keeper.serve(LOOK, stop)
    finally:
        keeper.close()


class DoorKeeper:
    """The doors of one interface, open or about to be."""

    def __init__(self, files: DoorFiles) -> None:
        self._files = files
        self._open: dict[str, OpenDoor] = {}

    def look(self, now: int) -> None:
        """Brings what is open in line with the files. Raises: NodeError, StateError, OSError."""
        wanted = {
            identifier: one for identifier, one in self._files.passes().items() if now <= one.until
        }
        for identifier in [name for name in self._open if name not in wanted]:
            self._open.pop(identifier).socket.close()
        for identifier, door in list(self._open.items()):
            if door.desk.finished:
                self._files.finish(identifier)
                self._open.pop(identifier).socket.close()
                continue
            door.desk.answer(self._files.answers(identifier))
            door.late = now > door.wish.asked_until
        for identifier, one in wanted.items():
            if identifier not in self._open and identifier not in self._files.done():
                from meshc.agent.open_door import OpenDoor  # most relays never open one

                self._open[identifier] = OpenDoor(one, self._files)

    def serve(self, seconds: float, stop: threading.Event) -> None:
        """Answers whoever knocks, for so long."""
        end = time.monotonic() + seconds
        while not stop.is_set() and (left := end - time.monotonic()) > 0:
            if not self._open:
                stop.wait(left)
                return
            doors = list(self._open.values())
            wakes = [at - time.monotonic() for door in doors if (at := door.tunnel.wakes())]
            wait = max(0.0, min(left, *wakes)) if wakes else left
            ready, _, _ = select.select([door.socket for door in doors], [], [], wait)
            for door in doors:
                door.turn(read=door.socket in ready)

    def close(self) -> None:
        for door in self._open.values():
            door.socket.close()
        self._open.clear()
