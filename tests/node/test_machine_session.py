"""A session has the machine for itself when it asks for that."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.errors import NodeError
from meshc.node.backends import backend
from meshc.node.machine_session import machine_session
from tests.support.netns import needs_root

pytestmark = needs_root


def test_one_at_a_time_works_on_an_interface_and_any_number_looks(tmp_path: Path) -> None:
    with machine_session("wg9", tmp_path, backend, lock=True) as (machine, store):
        assert (store.path, machine.token) == (tmp_path / "wg9.json", "")
        with pytest.raises(NodeError, match="another meshc is working on wg9"):
            machine_session("wg9", tmp_path, backend, lock=True, patience=0.2).__enter__()
        with machine_session("wg9", tmp_path, backend, lock=False) as (other, _):
            assert other.netlink.link("lo") is not None
        with machine_session("wg8", tmp_path, backend, lock=True):
            pass
    with machine_session("wg9", tmp_path, backend, lock=True):
        pass
