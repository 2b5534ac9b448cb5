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
    do)."""

    key: str
    value: str
    before: str

    @property
    def wish(self) -> Hashable:
        return ("sysctl", self.key, self.value)

    @property
    def slot(self) -> Hashable:
        return ("sysctl", self.key)

    def inherit(self, old: Change) -> Change:
        if not isinstance(old, SysctlSet):
            return self
        return replace(self, before=old.before)

    def heir(self, other: Change) -> Change | None:
        if not isinstance(other, SysctlSet) or self.wish != other.wish:
            return None
        # who found the setting as both want it came second: the other knows what was there before
        return other if self.before == self.value else other.inherit(self)

    def describe(self) -> str:
        was = "as it is" if self.before == self.value else f"was {self.before}"
        return f"sysctl {self.key} = {self.value} ({was})"

    def apply(self, machine: Machine) -> None:
        write(self.key, self.value)

    def reverse(self, machine: Machine) -> None:
        if read(self.key) == self.value:
            write(self.key, self.before)


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


def read(key: str) -> str | None:
    """The value of a setting, None when this kernel does not have it."""
    try:
        return (ROOT / key).read_text().strip()
    except OSError:
        return None


def write(key: str, value: str) -> None:
    """Leaves a value alone that is there already: in a container it may be read-only, and right.
    Raises: NodeError."""
    if read(key) == value:
        return
    try:
        (ROOT / key).write_text(value)
    except OSError as error:
        raise NodeError(
            f"could not set {key} to {value}: {error.strerror}",
            hint="in a container, /proc/sys may be read-only: set it on the host",
        ) from None


def ipv6_is_off(interface: str) -> bool:
    """Whether a new interface would have no IPv6 and none of the others has it, apart from
    `interface` (which may be there already) and loopback."""
    found = read_all(("net/ipv6/conf/*/disable_ipv6",))
    prefix, suffix = "net/ipv6/conf/", "/disable_ipv6"
    values = {key.removeprefix(prefix).removesuffix(suffix): value for key, value in found.items()}
    return all(
        value == "1" for name, value in values.items() if name not in (interface, "lo", "all")
    )


def read_all(patterns: tuple[str, ...]) -> dict[str, str]:
    """The settings that match the patterns (shell style, below /proc/sys)."""
    found: dict[str, str] = {}
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            with contextlib.suppress(OSError):
                found[str(path.relative_to(ROOT))] = path.read_text().strip()
    return found
