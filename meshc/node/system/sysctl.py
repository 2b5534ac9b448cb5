"""Kernel settings under /proc/sys, recorded and put back."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from meshc.errors import NodeError
from meshc.node.change import Change
from meshc.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Hashable

    from meshc.node.machine import Machine

ROOT = Path("/proc/sys")


@dataclass(frozen=True, slots=True)
class SysctlSet(Change):
    """`key` is a path below /proc/sys (interface names hold dots, so the dotted form would not
    do). `others` are settings that the kernel changes along with it, as they were before."""

    key: str
    value: str
    before: str
    others: tuple[tuple[str, str], ...] = ()

    @property
    def wish(self) -> Hashable:
        return ("sysctl", self.key, self.value)

    @property
    def slot(self) -> Hashable:
        return ("sysctl", self.key)

    def inherit(self, old: Change) -> Change:
        if not isinstance(old, SysctlSet):
            return self
        return replace(self, before=old.before, others=old.others)

    def heir(self, other: Change) -> Change | None:
        return other.inherit(self) if self.wish == other.wish else None

    def describe(self) -> str:
        was = "as it is" if self.before == self.value else f"was {self.before}"
        return f"sysctl {self.key} = {self.value} ({was})"

    def apply(self, machine: Machine) -> None:
        write(self.key, self.value)

    def reverse(self, machine: Machine) -> None:
        if read(self.key) == self.value:
            write(self.key, self.before)
        for key, value in self.others:
            # None: the interface that the setting belongs to has gone
            if read(key) not in (None, value):
                write(key, value)


@dataclass(frozen=True, slots=True)
class SysctlKept(SysctlSet):
    """A setting that the kernel changes to `value` by itself along the way; nothing is written
    until it is put back."""

    @property
    def wish(self) -> Hashable:
        return ("kept", self.key)

    @property
    def slot(self) -> Hashable:
        return ("kept", self.key)

    def describe(self) -> str:
        return f"remember sysctl {self.key} = {self.before}"

    def apply(self, machine: Machine) -> None:
        return


@dataclass(frozen=True, slots=True)
class AcceptRa(Change):
    """Router advertisements are believed as before, although the host forwards now: every
    `accept_ra` that is 1 becomes 2 (ip-sysctl.rst). `keys` are the settings that were 1."""

    keys: tuple[str, ...]

    @property
    def wish(self) -> Hashable:
        return ("accept_ra",)

    @property
    def slot(self) -> Hashable:
        return ("accept_ra",)

    def inherit(self, old: Change) -> Change:
        if not isinstance(old, AcceptRa):
            return self
        return AcceptRa(tuple(sorted({*self.keys, *old.keys})))

    def heir(self, other: Change) -> Change | None:
        return other.inherit(self) if self.wish == other.wish else None

    def describe(self) -> str:
        names = ", ".join(key.split("/")[-2] for key in self.keys)
        return f"sysctl net/ipv6/conf/*/accept_ra = 2 where it is 1 ({names or 'nowhere'})"

    def apply(self, machine: Machine) -> None:
        for key in self.keys:
            if read(key) == "1":
                write(key, "2")

    def reverse(self, machine: Machine) -> None:
        for key in self.keys:
            if read(key) == "2":
                write(key, "1")


def read(key: str) -> str | None:
    """The value of a setting, None when this kernel does not have it."""
    try:
        return (ROOT / key).read_text().strip()
    except OSError:
        return None


def write(key: str, value: str) -> None:
    """Raises: NodeError."""
    try:
        (ROOT / key).write_text(value)
    except OSError as error:
        raise NodeError(
            f"could not set {key} to {value}: {error.strerror}",
            hint="in a container, /proc/sys may be read-only: set it on the host",
        ) from None


def read_all(patterns: tuple[str, ...]) -> dict[str, str]:
    """The settings that match the patterns (shell style, below /proc/sys)."""
    found: dict[str, str] = {}
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            with contextlib.suppress(OSError):
                found[str(path.relative_to(ROOT))] = path.read_text().strip()
    return found
