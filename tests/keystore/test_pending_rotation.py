"""What a rotation leaves while it goes on: names and public keys, and nothing when it is over."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.errors import StateError
from meshc.keys import PrivateKey
from meshc.keystore.pending_rotation import (
    PendingRotation,
    pending_path,
    read_pending,
    write_pending,
)

KEY = PrivateKey(bytes(range(32))).public_key()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    assert not read_pending(file)
    pending = PendingRotation({"hub": KEY, "leaf": KEY}, 3, "hub")
    write_pending(file, pending)
    assert read_pending(file) == pending
    assert read_pending(file).without("hub") == PendingRotation({"leaf": KEY}, 3)


def test_the_order_of_the_nodes_stays(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    write_pending(file, PendingRotation({"z": KEY, "a": KEY}))
    assert list(read_pending(file).nodes) == ["z", "a"]


def test_nothing_is_left_when_it_is_over(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    write_pending(file, PendingRotation(epoch=1))
    write_pending(file, PendingRotation())
    write_pending(file, PendingRotation())
    assert not pending_path(file).exists()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 1, "nodes": {"a": "b"}, "epoch": 0, "begun": ""}']
)
def test_what_is_none_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mesh.yaml"
    pending_path(file).write_text(text)
    with pytest.raises(StateError, match=r"mesh\.rotation is not what a rotation leaves"):
        read_pending(file)
