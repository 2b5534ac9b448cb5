from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from meshc.errors import NodeError
from meshc.lab.node_jobs import LabNode
from meshc.lab.overview import overview
from meshc.lab.world.jobs import JobOutcome, PlacedJob
from meshc.lab.world.lab_state import LabState

KNOWN = LabState(
    id="mesh-1",
    file="/x/mesh.yaml",
    network="mesh",
    mode="root",
    pid=1,
    started=1,
    created=0.0,
    nodes={"a": "bundled", "b": "wireguard-go"},
    links={"home": ["nat:home", "wan"], "a": ["a", "eth0"]},
    interface="wg0",
    build="/x/build",
)


class FakeLab:
    def run(self, jobs: Sequence[PlacedJob[LabNode]], **_: Any) -> Iterator[JobOutcome[LabNode]]:
        yield JobOutcome(1, "b", None, "it broke")
        yield JobOutcome(0, "a", LabNode(True, "bundled", 51820))


def test_a_lab_that_is_gone_has_no_nodes() -> None:
    found = overview(KNOWN, None)
    assert (found["alive"], found["nodes"], found["links"]) == (False, [], ["a", "home"])


def test_nodes_are_in_order_and_failures_are_said() -> None:
    found = overview(KNOWN, FakeLab())["nodes"]  # type: ignore[arg-type]
    assert [(node["name"], node["engine"]) for node in found] == [("a", "bundled"), ("b", "")]
    assert found[1]["error"] == "it broke"


def test_a_lab_that_ends_meanwhile_is_gone() -> None:
    class Ending:
        def run(self, *_: Any, **__: Any) -> Iterator[JobOutcome[LabNode]]:
            raise NodeError("it ended")

    found = overview(KNOWN, Ending())  # type: ignore[arg-type]
    assert (found["alive"], found["nodes"]) == (False, [])
