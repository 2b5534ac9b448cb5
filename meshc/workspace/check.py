"""Everything that can be said about a topology file without making anything."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from meshc.diagnostics import Diagnostic, Diagnostics, Location
from meshc.render.report import Case
from meshc.topology.load import load_spec
from meshc.topology.source import MAX_BYTES
from meshc.topology.spec import Spec

# these end the reading of a file: nothing in it could be checked
_UNUSABLE = frozenset({"E100", "E101", "E102", "E104", "E105", "E109"})


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found in one file. `spec` is None when the language has errors."""

    file: str
    spec: Spec | None
    findings: tuple[Diagnostic, ...]
    cases: tuple[Case, ...] = ()

    @property
    def unusable(self) -> bool:
        """Whether the file could not even be read."""
        return any(found.code in _UNUSABLE for found in self.findings)


def check_file(name: str) -> Checked:
    """Checks one file, or standard input for `-`. What cannot be opened is a finding."""
    diagnostics = Diagnostics()
    try:
        data = _read(name)
    except OSError as error:
        diagnostics.add(
            "E109",
            f"the file cannot be read: {error.strerror or type(error).__name__}",
            Location(name, 1, 1),
            hint="`meshc init FILE` writes a starter file.",
        )
        return Checked(name, None, tuple(diagnostics))
    return check_text(data, file="<stdin>" if name == "-" else name)


def check_text(text: str | bytes, *, file: str) -> Checked:
    """Checks a topology that is at hand; `file` is its name in messages."""
    diagnostics = Diagnostics()
    spec = load_spec(text, file=file, diagnostics=diagnostics)
    return Checked(file, spec, tuple(diagnostics))


def _read(name: str) -> bytes:
    """At most one byte more than the language allows, so that /dev/zero ends too."""
    if name == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with Path(name).open("rb") as stream:
        return stream.read(MAX_BYTES + 1)
