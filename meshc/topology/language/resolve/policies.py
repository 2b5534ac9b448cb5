"""The section `policies:` -> its rules, with both ends looked up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshc.topology.language.read.document import Document
from meshc.topology.language.read.parsed_file import Path
from meshc.topology.language.resolve.policy_ends import PolicyEnds
from meshc.topology.language.spec import EVERYTHING, PolicyEnd, PolicySpec


def resolve_policies(document: Document, ends: PolicyEnds) -> tuple[PolicySpec, ...] | None:
    """None for a file without the section."""
    if document.policies is None:
        return None
    return tuple(_rules(document, ends))


def _rules(document: Document, ends: PolicyEnds) -> Iterator[PolicySpec]:
    """Those about somebody: not where one end is nobody but nodes that are left out."""
    for index, data in document.policies or ():
        rule = _rule(index, data, document, ends)
        sides = ((data["from"], rule.sources), (data["to"], rule.targets))
        if all(end != PolicyEnd() or not ends.left_out(words) for words, end in sides):
            yield rule


def _rule(index: int, data: Mapping[str, Any], document: Document, ends: PolicyEnds) -> PolicySpec:
    path: Path = ("policies", index)
    return PolicySpec(
        sources=ends.end(data["from"], (*path, "from"), sender=True),
        targets=ends.end(data["to"], (*path, "to")),
        services=tuple(dict.fromkeys(data.get("allow", (EVERYTHING,)))),
        excluded=ends.end(data.get("except", ()), (*path, "except")),
        why=data.get("why", ""),
        index=index,
        location=document.source.locate(path, key=True),
    )
