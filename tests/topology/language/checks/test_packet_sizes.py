"""MTUs: the bounds, and one finding for one line."""

from __future__ import annotations

import pytest

from tests.support.language_codes import codes


@pytest.mark.parametrize(
    ("mtu", "found"),
    [(1280, []), (1279, ["E168"]), (1440, []), (1441, ["W150"]), ("auto", []), (576, ["E168"])],
)
def test_mtu_bounds(mtu: object, found: list[str]) -> None:
    assert codes(f"a: {{mtu: {mtu}}}", pools='[10.44.0.0/24, "fd44::/64"]') == found


def test_a_small_mtu_is_fine_without_ipv6() -> None:
    assert codes("a: {mtu: 1000}") == []


def test_a_line_that_many_nodes_inherit_is_mentioned_once() -> None:
    assert codes("a: {}, b: {}, c: {}", more="defaults: {mtu: 1500}\n") == ["W150"]
