"""The section `lab` of a file -> what the lab simulates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshc.topology.language.read.document import Document
from meshc.topology.language.resolve.references import References
from meshc.topology.language.spec import LabPlace, LabSpec


def lab_spec(document: Document, references: References) -> LabSpec:
    """A name that nobody has is a diagnostic; nodes that are left out have no place."""
    data = document.lab
    default = _place(data, {})
    tables: dict[str, dict[str, LabPlace]] = {}
    for key, known in (("sites", document.sites), ("nodes", document.nodes)):
        tables[key] = {}
        for name, place in sorted(data.get(key, {}).items()):
            tables[key][name] = _place(place, data)
            if name in document.absent:
                del tables[key][name]
            elif name not in known:
                path = ("lab", key, name)
                references.unknown(key[:-1], name, path, tuple(known))
    return LabSpec(default, tables["sites"], tables["nodes"])


def _place(data: Mapping[str, Any], outer: Mapping[str, Any]) -> LabPlace:
    merged = {**outer, **data}
    bandwidth = merged.get("bandwidth")
    return LabPlace(
        latency_ms=merged.get("latency", 0.0),
        jitter_ms=merged.get("jitter", 0.0),
        loss_percent=merged.get("loss", 0.0),
        bandwidth_kbit=None if bandwidth is None else max(1, round(bandwidth)),
        double_nat=merged.get("double_nat", False),
    )
