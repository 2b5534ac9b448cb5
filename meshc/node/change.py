"""One reversible step on a machine, and how it is written down.

`up`, `reload`, `down`, `--dry-run` and the drift of `status` all work on the same values: a plan
is a tuple of changes; describing it is the dry run, applying it is the deed, reversing it is
the way back (the idea of alembic's operations).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from meshc.errors import StateError
from meshc.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from meshc.node.machine import Machine

_KINDS: dict[str, type[Change]] = {}


@dataclass(frozen=True, slots=True)
class Change:
    """Base of all changes. Fields of a recorded change are JSON values and tuples of them.

    `reverse` undoes what is there of the change and leaves alone what somebody else changed
    since; it must do no harm when the change was never applied, or only in part.
    """

    recorded: ClassVar[bool] = True
    """False for what need not be known to go back: settings of the WireGuard, hooks."""
    goes_with_link: ClassVar[bool] = False
    """True when the kernel takes it away together with the interface."""

    def __init_subclass__(cls) -> None:
        # a dataclass with slots is made twice; the second one, which is used, wins
        _KINDS[cls.__name__] = cls

    @property
    def wish(self) -> Hashable:
        """Equal for changes that ask for the same; what they would put back may differ."""
        return self

    @property
    def slot(self) -> Hashable:
        """What only one change can hold at a time; None for a change that stands alone."""
        return None

    def inherit(self, old: Change) -> Change:
        """This change in the slot of `old`, with what `old` would have put back."""
        return self

    def heir(self, other: Change) -> Change | None:
        """For a change that another interface shares: what `other`, of that interface, becomes
        when this one goes without putting anything back. None when they do not share."""
        return None

    def describe(self) -> str:
        """What a person reads in the dry run."""
        raise NotImplementedError

    def apply(self, machine: Machine) -> None:
        """Raises: NodeError."""
        raise NotImplementedError

    def reverse(self, machine: Machine) -> None:
        """Raises: NodeError."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Reversed(Change):
    """The taking back of a change that was recorded."""

    recorded: ClassVar[bool] = False
    change: Change

    def describe(self) -> str:
        return f"take back: {self.change.describe()}"

    def apply(self, machine: Machine) -> None:
        self.change.reverse(machine)

    def reverse(self, machine: Machine) -> None:
        self.change.apply(machine)


@dataclass(frozen=True, slots=True)
class Replaced(Change):
    """A recorded change whose slot a new one takes."""

    recorded: ClassVar[bool] = False
    change: Change
    old: Change

    def describe(self) -> str:
        return f"change: {self.change.describe()}"

    def apply(self, machine: Machine) -> None:
        self.change.apply(machine)

    def reverse(self, machine: Machine) -> None:
        self.old.apply(machine)


def kinds() -> Mapping[str, type[Change]]:
    """Every kind of change by the word that the state file has for it."""
    return dict(_KINDS)


def to_record(change: Change) -> dict[str, Any]:
    """The change as a JSON object."""
    fields = {f.name: getattr(change, f.name) for f in dataclasses.fields(change)}
    return {"kind": type(change).__name__, **fields}


def from_record(record: Mapping[str, Any]) -> Change:
    """Reads `to_record` back. Raises: StateError for what this version does not know."""
    values = dict(record)
    kind = _KINDS.get(str(values.pop("kind", "")))
    try:
        if kind is None or not kind.recorded:
            raise TypeError("unknown kind")
        return kind(**{name: _frozen(value) for name, value in values.items()})
    except TypeError as error:
        raise StateError(
            f"a change in the state file cannot be read: {error}",
            hint="another version of meshc brought the interface up; take it down with that one",
        ) from None


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
