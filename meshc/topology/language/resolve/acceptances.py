"""The section `accept` of a file -> warnings that are known and meant."""

from __future__ import annotations

from collections.abc import Iterator

from meshc.topology.language.read.document import Document
from meshc.topology.language.read.parsed_file import Path
from meshc.topology.language.resolve.references import References
from meshc.topology.language.spec import Acceptance


def acceptances(document: Document, references: References) -> Iterator[Acceptance]:
    """A line that names a node which nobody has is a diagnostic."""
    for index, data in document.accept:
        path: Path = ("accept", index)
        node = data.get("node")
        if node is not None and references.node(node, (*path, "node")) is None:
            continue
        location = document.source.locate(path, key=True)
        yield Acceptance(data["code"], node, data["why"], location)
