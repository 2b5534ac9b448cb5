"""What the proof found, told in terms of the topology file.

The proof reads emitted files, and its findings point into those. Before anything is written they
exist in memory only: a user finds the cause in the topology file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from meshc.diagnostics import Diagnostic, Location
from meshc.topology.language.spec import Spec


def placed(
    findings: Iterable[Diagnostic], spec: Spec, known: Iterable[Diagnostic]
) -> Iterator[Diagnostic]:
    """The findings at places of the topology file, without what the analysis said already."""
    known = list(known)
    weak = {found.path for found in known if found.code == "W220"}
    # a LAN in the way was told of at its line; here are the packets that it costs
    waived = {found.code for found in known} & {"W213", "W217"}
    for found in findings:
        if found.code in waived:
            continue
        # the graph has said the same about this relay, at its line
        if found.code != "W418" or f"{found.path}.role" not in weak:
            yield _placed(found, spec)


def _placed(found: Diagnostic, spec: Spec) -> Diagnostic:
    """Moved to the node that it is about."""
    if found.location is not None and found.location.file == spec.file:
        return found
    at = _written_at(found.path, spec)
    trace = found.trace
    if found.location is not None:
        trace = (*trace, f"seen in what would be {found.location}")
    return replace(found, location=at or Location(spec.file, 1, 1), trace=trace)


def _written_at(path: str, spec: Spec) -> Location | None:
    """Where `nodes.NAME` or `nodes.NAME.KEY` stands; names may have dots themselves."""
    whole = path.removeprefix("nodes.")
    if whole in spec.nodes:
        return spec.nodes[whole].at()
    name, _, key = whole.rpartition(".")
    return spec.nodes[name].at(key) if name in spec.nodes else None
