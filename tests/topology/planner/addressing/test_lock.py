"""A lock is a value: nobody changes it on the way from one build to the next."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from meshc.topology.planner.addressing.lock import Lock, LockedNode


def test_an_empty_lock_holds_nothing_and_takes_nothing() -> None:
    lock = Lock()
    assert (lock.epoch, dict(lock.nodes), dict(lock.removed), lock.revoked) == (1, {}, {}, ())
    with pytest.raises(TypeError):
        lock.nodes["a"] = LockedNode()  # type: ignore[index]
    with pytest.raises((AttributeError, FrozenInstanceError)):
        lock.epoch = 2  # type: ignore[misc]


def test_equal_locks_are_equal_values() -> None:
    assert Lock(nodes={"a": LockedNode(port=1)}) == Lock(nodes={"a": LockedNode(port=1)})
    assert Lock(nodes={"a": LockedNode(port=1)}) != Lock(nodes={"a": LockedNode(port=2)})
