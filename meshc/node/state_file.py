"""What `up` did, written down before it is done: /run/meshc/IFACE.json, mode 0600, without keys.

`down` reads it, also after a crash, and takes back exactly that. A lock per interface keeps two
commands from working on one at the same time: who comes second waits, for the loop in the
background works on its own accord and is soon done.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from meshc.errors import NodeError, StateError
from meshc.node.change import Change, Replaced, Reversed, from_record, to_record
from meshc.node.machine import RUN_DIRECTORY
from meshc.values import dataclass, field

PATIENCE = 30.0
"""Seconds that a command waits for another: the loop may be starting an engine."""
_POLL = 0.05
_VERSION = 1


@dataclass(slots=True)
class Record:
    """`complete` is False between the first change and the last hook of `up`. `namespace` is the
    network namespace and `boot` the boot it was made in. `endpoints` maps public keys to what the
    file said when it was last applied. `watch` is False where whoever brought the interface up
    looks after its endpoints; `since` is unix time."""

    interface: str
    file: str
    node: str = ""
    engine: str = ""
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    namespace: str = ""
    boot: str = ""
    complete: bool = False
    changes: list[Change] = field(default_factory=list)
    pre_down: tuple[str, ...] = ()
    post_down: tuple[str, ...] = ()
    endpoints: dict[str, str] = field(default_factory=dict)
    watch: bool = True
    since: float = field(default_factory=time.time)

    def intend(self, changes: Iterable[Change]) -> None:
        """Adds what is about to be done. Save before doing it."""
        known = set(self.changes)
        for change in changes:
            wanted = change.change if isinstance(change, Replaced) else change
            if wanted.recorded and wanted not in known:
                self.changes.append(wanted)
                known.add(wanted)

    def settle(self, changes: Iterable[Change]) -> None:
        """After they were applied: what they took back or replaced is no longer there."""
        for change in changes:
            if isinstance(change, Reversed):
                self.forget(change.change)
            elif isinstance(change, Replaced) and change.old != change.change:
                self.forget(change.old)

    def forget(self, change: Change) -> None:
        """Drops what has been taken back. Save after taking it back."""
        if change in self.changes:
            self.changes.remove(change)


class StateFile:
    """The record of one interface on disk."""

    def __init__(self, directory: Path, interface: str) -> None:
        self.directory = directory
        self.path = directory / f"{interface}.json"
        self.interface = interface

    def load(self) -> Record | None:
        """None when there is none, or it is from before a reboot. Raises: NodeError when it
        belongs to an interface in another network namespace; StateError when it is damaged."""
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StateError(
                f"{self.path} cannot be read: {error}",
                hint="remove it, and the interface, by hand",
            ) from None
        try:
            if data.pop("version") != _VERSION:
                raise ValueError("another version")
            data["changes"] = [from_record(record) for record in data["changes"]]
            data["pre_down"], data["post_down"] = (
                tuple(data["pre_down"]),
                tuple(data["post_down"]),
            )
            record = Record(**data)
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"{self.path} was written by another meshc: {error}") from None
        if record.boot != boot_id():
            return None
        if record.namespace != network_namespace():
            raise NodeError(
                f"{self.interface} is up in another network namespace that shares {self.directory}",
                hint="give each namespace its own /run, or name another --run-dir",
            )
        return record

    def save(self, record: Record) -> None:
        """Replaces the file in one step. Raises: NodeError."""
        data = {name: getattr(record, name) for name in Record.__slots__}
        data["changes"] = [to_record(change) for change in record.changes]
        scratch = self.path.with_suffix(".new")
        try:
            with open(scratch, "w", encoding="utf-8", opener=_private) as file:
                json.dump({"version": _VERSION, **data}, file, indent=1)
            scratch.replace(self.path)
        except OSError as error:
            raise NodeError(f"could not write {self.path}: {error.strerror}") from None

    def hand_over(self, change: Change) -> bool:
        """When another interface shares what this change set up, leaves it to that one: it will
        put back what this one found. False when nobody does."""
        for path in sorted(self.directory.glob("*.json")):
            other = StateFile(self.directory, path.stem)
            if path == self.path or not other._inherits(change):
                continue
            with other.locked():
                # what was read before may not be so any more
                if other._inherits(change, keep=True):
                    return True
        return False

    def _inherits(self, change: Change, *, keep: bool = False) -> bool:
        """Whether this interface shares what another's change set up; with `keep`, it is its own
        from now on."""
        record = self.load()
        for index, ours in enumerate(record.changes if record else ()):
            heir = change.heir(ours)
            if record is not None and heir is not None:
                if keep:
                    record.changes[index] = heir
                    self.save(record)
                return True
        return False

    def remove(self) -> None:
        """Forgets the interface."""
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(".new").unlink(missing_ok=True)

    @contextlib.contextmanager
    def locked(self, patience: float = PATIENCE) -> Iterator[None]:
        """Holds the lock of the interface. Raises: NodeError when somebody else does, and still
        does after `patience` seconds."""
        path = self.path.with_suffix(".lock")
        descriptor = _lock(path, self.interface, time.monotonic() + patience)
        try:
            yield
        finally:
            if not self.path.exists():
                path.unlink(missing_ok=True)
                if self.directory == RUN_DIRECTORY:
                    # fails when it is not empty: other interfaces are up
                    with contextlib.suppress(OSError):
                        self.directory.rmdir()
            os.close(descriptor)


def new_record(interface: str, file: Path, node: str) -> Record:
    """A record of this boot and network namespace."""
    return Record(interface, str(file), node, namespace=network_namespace(), boot=boot_id())


def network_namespace() -> str:
    """What tells the network namespace of this thread from others."""
    info = os.stat("/proc/thread-self/ns/net")
    return f"{info.st_dev}:{info.st_ino}"


def boot_id() -> str:
    """What tells this boot of the machine from others."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def make_directory(directory: Path) -> None:
    """Raises: NodeError when it cannot be made, or belongs to somebody else."""
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        owner = directory.stat().st_uid
    except OSError as error:
        hint = "this needs root" if os.geteuid() else ""
        raise NodeError(f"could not use {directory}: {error.strerror}", hint=hint) from None
    if owner not in (0, os.geteuid()):
        raise NodeError(f"{directory} belongs to user {owner}; remove it")


def _lock(path: Path, interface: str, deadline: float) -> int:
    while True:
        make_directory(path.parent)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            # the last interface went down just now and took the directory along
            continue
        except OSError as error:
            hint = "this needs root" if os.geteuid() else ""
            raise NodeError(f"could not lock {path}: {error.strerror}", hint=hint) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # the holder before us may have removed the file that we waited for
            if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise NodeError(
                    f"another meshc is working on {interface}", hint="wait until it is done"
                ) from None
            # polled, since no wait for a lock ends by itself
            time.sleep(_POLL)
        os.close(descriptor)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
