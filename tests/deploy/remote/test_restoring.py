"""The way back may break off anywhere, and is gone again from its beginning."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.deployedmachine import OLD, DeployedMachine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[DeployedMachine]:
    made = DeployedMachine(tmp_path)
    yield made
    made.roll_back(None)


def test_a_restore_may_be_interrupted_anywhere(
    machine: DeployedMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.conf.write_text(OLD)
    (machine.conf_dir / "node.json").write_text('{"interface": "wgx9", "old": 1}')
    for stop_at in range(12):
        token = f"{stop_at:016x}"
        machine.stage(token=token)
        machine.commit(token)
        with contextlib.suppress(KeyboardInterrupt), monkeypatch.context() as patch:
            left = iter(range(stop_at))
            for name in ("replace", "unlink", "listdir"):
                patch.setattr(os, name, _stopping(getattr(os, name), left))
            machine.roll_back(None)
        machine.roll_back(None)
        assert machine.conf.read_text() == OLD
        assert '"old"' in (machine.conf_dir / "node.json").read_text()
        assert machine.listing() == ["node.json", "wgx9.conf"]


def _stopping(real: Callable[..., Any], left: Iterator[int]) -> Callable[..., Any]:
    """The function, until nothing is left of its budget."""

    def call(*args: Any, **named: Any) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return real(*args, **named)

    return call
