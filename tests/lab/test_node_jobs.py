from __future__ import annotations

import pytest

from meshc.lab.node_jobs import engine_of


@pytest.mark.parametrize(
    ("choice", "engines"),
    [
        ("bundled", ["bundled"] * 4),
        ("kernel", ["kernel"] * 4),
        ("mixed", ["bundled", "wireguard-go"] * 2),
    ],
)
def test_mixed_alternates_and_everything_else_is_itself(choice: str, engines: list[str]) -> None:
    assert [engine_of(choice, number) for number in range(4)] == engines
