"""Exceptions of meshc.

The tree (base classes are never raised themselves)::

    MeshcError
    ├── Refused            a stage will not go on; carries the diagnostics that say why
    ├── KeyFormatError     text that is not a WireGuard key
    ├── PrefixFormatError  text that is not an address or prefix
    ├── ConfError          a wg-quick file that cannot be read
    ├── StateError         lock, keys or build directory are not as they must be
    └── NodeError          something on a machine could not be done, or was put back

A mistake of the user in a topology file is a `Diagnostic` value, not an exception;
`Refused` is how a stage stops once it has collected them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshc.diagnostics.diagnostic import Diagnostic


class MeshcError(Exception):
    """Base of every exception of meshc; never raised itself."""


class Refused(MeshcError):
    """A stage found errors and will not go on."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("; ".join(f"{d.code} {d.message}" for d in self.diagnostics))

    def __reduce__(self) -> tuple[type[Refused], tuple[tuple[Diagnostic, ...]]]:
        return type(self), (self.diagnostics,)


class KeyFormatError(MeshcError):
    """Text that is not a WireGuard key; the text itself is never part of the message."""


class PrefixFormatError(MeshcError):
    """Text that is not an IP address or prefix."""


class ConfError(MeshcError):
    """A wg-quick file that wg-quick(8) would not accept."""

    def __init__(self, message: str, *, file: str = "", line: int = 0, hint: str = "") -> None:
        self.file, self.line, self.hint = file, line, hint
        place = f"{file}:{line}: " if file else f"line {line}: " if line else ""
        super().__init__(place + message)


class StateError(MeshcError):
    """The lock, the key store or the build directory is not as it must be."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.hint = hint
        super().__init__(message)


class NodeError(MeshcError):
    """Something on a machine could not be done; what was there has been put back."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.hint = hint
        super().__init__(message)
