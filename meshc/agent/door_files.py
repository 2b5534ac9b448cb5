"""Doors as files, below /run/meshc/doors/IFACE: what `meshc door` and the agent tell each other.

    ID.json           the pass (0600)
    ID/requests/HASH  what was asked, written by the agent
    ID/answers/HASH   what is answered, written by `meshc door`
    ID.done           every machine has its answer: this door is not opened again

A file is there whole or not at all, and whoever is killed finds the rest as it was.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from meshc.agent.core.door_message import short_hash
from meshc.agent.door_pass import DoorPass, pass_text, read_pass
from meshc.files import read_regular, write_atomic
from meshc.node.machine import RUN_DIRECTORY

LONGEST = 8 << 20


class DoorFiles:
    """The doors of one interface."""

    def __init__(self, interface: str, run_directory: Path = RUN_DIRECTORY) -> None:
        self.directory = run_directory / "doors" / interface

    def passes(self) -> dict[str, DoorPass]:
        """Those that are to be open. Raises: NodeError, StateError for a damaged one."""
        found = {}
        for path in sorted(self.directory.glob("*.json")):
            content = read_regular(path, limit=LONGEST)
            if content is not None:
                one = read_pass(json.loads(content))
                found[one.identifier] = one
        return found

    def wish(self, wanted: Mapping[str, DoorPass]) -> None:
        """These doors and no others are to be open. Raises: OSError."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in self.directory.glob("*.json"):
            if path.stem not in wanted:
                self._forget(path.stem)
        for path in self.directory.glob("*.done"):
            if path.stem not in wanted:
                path.unlink()
        for identifier, one in wanted.items():
            if identifier not in self.done():
                for part in (".", "requests", "answers"):
                    (self.directory / identifier / part).mkdir(0o700, exist_ok=True)
                path = self.directory / f"{identifier}.json"
                content = pass_text(one)
                if read_regular(path) != content:
                    write_atomic(path, content, mode=0o600)

    def done(self) -> frozenset[str]:
        """The doors that every machine has gone through."""
        return frozenset(path.stem for path in self.directory.glob("*.done"))

    def finish(self, identifier: str) -> None:
        """Nobody is left to come."""
        (self.directory / f"{identifier}.done").touch(mode=0o600)
        self._forget(identifier)

    def requests(self, identifier: str) -> dict[bytes, bytes]:
        """By their digests."""
        return _held(self.directory / identifier / "requests")

    def answers(self, identifier: str) -> dict[bytes, bytes]:
        """By the digests of their requests."""
        return _held(self.directory / identifier / "answers")

    def keep_request(self, identifier: str, request: bytes) -> None:
        name = short_hash(request).hex()
        self._keep(self.directory / identifier / "requests" / name, request)

    def keep_answer(self, identifier: str, digest: bytes, answer: bytes) -> None:
        self._keep(self.directory / identifier / "answers" / digest.hex(), answer)

    def _keep(self, path: Path, content: bytes) -> None:
        if not path.exists() and path.parent.is_dir():
            write_atomic(path, content, mode=0o600)

    def _forget(self, identifier: str) -> None:
        (self.directory / f"{identifier}.json").unlink(missing_ok=True)
        shutil.rmtree(self.directory / identifier, ignore_errors=True)


def _held(directory: Path) -> dict[bytes, bytes]:
    found = {}
    for path in sorted(directory.glob("*")):
        with contextlib.suppress(ValueError):  # one that is being written
            content = read_regular(path, limit=LONGEST)
            if content is not None:
                found[bytes.fromhex(path.name)] = content
    return found
