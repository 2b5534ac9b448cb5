"""Warnings that the topology file accepts: told as remarks, with the reason that it gives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from meshc.diagnostics import Diagnostic, Severity
from meshc.topology.language.spec import Acceptance, Spec
from meshc.topology.language.wording import quote

# what the proof finds in files -> what the graph says about the same in the topology
_SAME = {"W418": "W220"}


def settled(findings: Iterable[Diagnostic], spec: Spec, *, whole: bool) -> list[Diagnostic]:
    """The findings, with those that `accept:` names as accepted. With `whole` everything was looked
    at, and a line that accepts nothing is a finding itself."""
    if not spec.accept:
        return list(findings)
    used: set[int] = set()
    told = [_settle(found, spec, used) for found in findings]
    if whole:
        told += [_unused(index, one) for index, one in enumerate(spec.accept) if index not in used]
    return told


def _settle(found: Diagnostic, spec: Spec, used: set[int]) -> Diagnostic:
    for index, one in enumerate(spec.accept):
        same = one.code in (found.code, _SAME.get(found.code))
        if found.severity is Severity.WARNING and same and _about(found, one):
            used.add(index)
            return replace(found, accepted=one.why)
    return found


def _about(found: Diagnostic, one: Acceptance) -> bool:
    """Whether it is about the node: at its place in the file, or naming it."""
    if one.node is None:
        return True
    place = f"{found.path}."
    return place.startswith(f"nodes.{one.node}.") or quote(one.node) in found.message


def _unused(index: int, one: Acceptance) -> Diagnostic:
    about = f" about {quote(one.node)}" if one.node else ""
    return Diagnostic(
        "W136",
        f"there is no {one.code}{about} to accept",
        one.location,
        path=f"accept[{index}]",
        hint="remove the line.",
    )
