"""Listen ports: from the file where it says, else distinct within a site and kept."""

from __future__ import annotations

import pytest

from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import NodeSpec
from meshc.topology.planner.addressing import listen_ports
from meshc.topology.planner.addressing.listen_ports import allocate_ports
from meshc.topology.planner.addressing.lock_text import Lock, LockedNode
from tests.support import specs
from tests.support.specs import node


def ports(nodes: list[NodeSpec], lock: Lock | None = None) -> dict[str, int | None]:
    made, _ = allocate_ports(specs.spec(nodes), lock or Lock(), Diagnostics())
    return made


def test_what_the_file_says() -> None:
    nodes = [node("plain"), node("given", listen_port=4000), node("public", endpoint="p.test:4001")]
    assert ports(nodes) == {"given": 4000, "plain": None, "public": 4001}


def test_distinct_within_a_site() -> None:
    nodes = [
        node("a", site="home", lan="192.168.1.5"),
        node("b", site="home", lan="192.168.1.6"),
        node("c", site="office", lan="192.168.1.5"),
        node("d", site="home", listen_port=51820),
    ]
    assert ports(nodes) == {"a": 51821, "b": 51822, "c": 51820, "d": 51820}


def test_the_lock_keeps_them() -> None:
    nodes = [node("a", site="home", lan="192.168.1.5"), node("b", site="home", lan="192.168.1.6")]
    lock = Lock("test", 1, {"b": LockedNode(port=51820)})
    assert ports(nodes, lock) == {"a": 51821, "b": 51820}
    made = specs.allocation(specs.spec(nodes), lock)
    assert {n: e.port for n, e in made.new_lock(lock, {}).nodes.items()} == ports(nodes, lock)


def test_a_port_that_the_file_now_gives_to_another_is_chosen_anew() -> None:
    nodes = [node("a", site="home", lan="192.168.1.5"), node("b", site="home", listen_port=51820)]
    lock = Lock("test", 1, {"a": LockedNode(port=51820)})
    assert ports(nodes, lock) == {"a": 51821, "b": 51820}


def test_a_large_site_is_gone_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """At e2c1e66 each node looked at every port that was taken before."""
    looks = 0

    class Counted(set[int]):
        def __contains__(self, port: object) -> bool:
            nonlocal looks
            looks += 1
            return super().__contains__(port)

    monkeypatch.setattr(listen_ports, "set", Counted, raising=False)
    count = 500
    made = ports(
        [node(f"n{i:04}", site="home", lan=f"10.9.{i // 250}.{i % 250 + 1}") for i in range(count)]
    )
    assert sorted(filter(None, made.values())) == list(range(51820, 51820 + count))
    assert count <= looks <= 2 * count
