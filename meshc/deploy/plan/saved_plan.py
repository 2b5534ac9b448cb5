"""A plan that was kept: what was to happen on each node, which a later deploy must still find so.

It holds no secret: hashes of files, and the lines that `plan` printed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from meshc.deploy.plan.survey import Surveyed
from meshc.errors import StateError
from meshc.files import read_regular, write_atomic
from meshc.values import dataclass

VERSION = 1
_MARK = "meshc_plan"
_MOST_BYTES = 64 * 1024 * 1024


class PlannedNode(NamedTuple):
    """One node as it was: the hash of the file that it gets, of the file that lay there, and of the
    one that was deployed there last, empty where there was none; what was to happen, in lines."""

    name: str
    file: str
    there: str
    deployed: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """`topology` is the topology file, `build` what tells the build from others; `left` are those
    that were to be taken down. `whole`: no node was named."""

    topology: Path
    build: str
    whole: bool
    nodes: tuple[PlannedNode, ...]
    left: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        return tuple(node.name for node in self.nodes)

    def moved(
        self,
        found: Sequence[Surveyed],
        build: str,
        left: Iterable[str],
        *,
        skip_unreachable: bool = False,
    ) -> tuple[str, ...]:
        """Why what was planned is not what would happen now, a sentence each; empty: it is. With
        `skip_unreachable` nothing has to happen where nobody answers."""
        now = {one.name: one for one in planned(found)}
        asked = [was for was in self.nodes if was.name in now or not skip_unreachable]
        told = [sentence for was in asked for sentence in _moved(was, now.get(was.name))]
        told += [f"{name} was not in the plan" for name in now if name not in self.names()]
        if build != self.build and not told:
            told.append("the build is another one than was planned")
        if tuple(left) != self.left:
            names = ", ".join(sorted({*left} ^ {*self.left}))
            told.append(f"other nodes than were planned have left the topology: {names}")
        return tuple(told)


def planned(found: Iterable[Surveyed]) -> tuple[PlannedNode, ...]:
    """What would happen now on the nodes that could be asked."""
    return tuple(
        PlannedNode(
            one.target.name,
            one.target.sha,
            one.facts.sha,
            one.facts.deployed_sha,
            (*one.difference.describe(), *one.difference.drift),
        )
        for one in found
        if one.facts is not None
    )


def _moved(was: PlannedNode, now: PlannedNode | None) -> Iterable[str]:
    if now is None:
        yield f"{was.name}: cannot be asked now"
        return
    if now.file != was.file:
        yield f"{was.name}: would get another file than was planned"
    if now.there != was.there:
        yield f"{was.name}: another file lies there now"
    if now.deployed != was.deployed:
        yield f"{was.name}: something was deployed there since"
    if now[1:4] == was[1:4] and now.lines != was.lines:
        yield f"{was.name}: runs otherwise than when it was planned"


def keep_plan(path: Path, plan: SavedPlan) -> None:
    """Raises: OSError."""
    beside = os.path.relpath(plan.topology.absolute(), path.absolute().parent)
    content = {
        _MARK: VERSION,
        "topology": beside,
        "build": plan.build,
        "whole": plan.whole,
        "nodes": [node._asdict() for node in plan.nodes],
        "left": list(plan.left),
    }
    write_atomic(path, json.dumps(content, indent=1).encode() + b"\n")


def read_plan(path: Path) -> SavedPlan | None:
    """None when the file is no plan, but a topology say. Raises: StateError, OSError."""
    content = read_regular(path.resolve(), limit=_MOST_BYTES)
    if content is None or not content.startswith(b"{") or _MARK.encode() not in content[:64]:
        return None
    try:
        return _plan(json.loads(content), path)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StateError(
            f"{path} is a plan that is damaged, or of another version of meshc",
            hint="make it again: meshc plan -o",
        ) from error


def _plan(data: Mapping[str, Any], path: Path) -> SavedPlan:
    if data[_MARK] != VERSION:
        raise ValueError(data[_MARK])
    nodes = tuple(
        PlannedNode(
            _text(row["name"]),
            _text(row["file"]),
            _text(row["there"]),
            _text(row["deployed"]),
            tuple(map(_text, row["lines"])),
        )
        for row in data["nodes"]
    )
    topology = Path(os.path.relpath(path.absolute().parent / _text(data["topology"])))
    left = tuple(map(_text, data["left"]))
    return SavedPlan(topology, _text(data["build"]), bool(data["whole"]), nodes, left)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
