"""A lock file beside a topology: another network's is refused, a renamed node is asked about."""

from __future__ import annotations

import pytest

from meshc.diagnostics import Diagnostics
from meshc.prefixes import Prefix
from meshc.topology.language.load import load_spec
from meshc.topology.planner.addressing.lock import Lock, LockedNode
from meshc.topology.planner.addressing.lock_fit import check_lock


def found(lock: Lock, *names: str) -> list[str]:
    nodes = "".join(f"  {name}: {{}}\n" for name in names)
    text = f"meshc: 1\nnetwork: {{name: demo, addresses: 10.0.0.0/24}}\nnodes:\n{nodes}"
    spec = load_spec(text, file="mesh.yaml", diagnostics=Diagnostics())
    assert spec is not None
    diagnostics = Diagnostics()
    check_lock(spec, lock, diagnostics)
    return [f"{one.code} {one.message}" for one in diagnostics]


def lock_of(*names: str, network: str = "demo") -> Lock:
    nodes = {n: LockedNode((Prefix.host(f"10.0.0.{i}"),)) for i, n in enumerate(names, 1)}
    return Lock(network, 1, nodes)


def test_nothing_is_said_when_nodes_only_come_or_only_leave() -> None:
    assert found(lock_of("a"), "a", "b") == []
    assert found(lock_of("a", "b"), "a") == []
    assert found(Lock(), "a") == []


def test_one_that_left_and_one_that_came_may_be_the_same() -> None:
    (text,) = found(lock_of("a", "laptop"), "a", "zz")
    assert text.startswith("W316 'laptop' left the file and 'zz' came: it gets a new address")


def test_each_is_paired_with_the_name_most_like_it() -> None:
    texts = found(lock_of("laptop", "phone"), "phone-2", "laptop-2")
    assert sorted(text.partition(":")[0] for text in texts) == [
        "W316 'laptop' left the file and 'laptop-2' came",
        "W316 'phone' left the file and 'phone-2' came",
    ]


def test_no_name_is_left_out_because_it_is_like_none() -> None:
    (text,) = found(lock_of("laptop", "phone"), "xx", "yy", "zz")
    assert "'laptop' and 'phone' left the file and 'xx', 'yy' and 'zz' came: they get" in text


@pytest.mark.parametrize("network", ["other", "demo2"])
def test_another_networks_lock_is_an_error_and_nothing_else_is_said(network: str) -> None:
    (text,) = found(lock_of("laptop", network=network), "zz")
    assert text.startswith(f"E315 the lock file is that of the network '{network}'")


def test_a_node_that_was_never_built_has_not_left() -> None:
    """`meshc keys import` records keys before the first build."""
    assert found(Lock("demo", 1, {"laptop": LockedNode()}), "zz") == []


def test_a_node_that_comes_back_is_not_new() -> None:
    lock = Lock("demo", 1, lock_of("phone").nodes, {"zz": LockedNode(removed=1)})
    assert found(lock, "zz") == []
