from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.errors import StateError
from meshc.lab.world.outer_addresses import INTERNET, Addresses, pick_host
from meshc.prefixes import Prefix


def test_the_first_free_range_is_taken() -> None:
    """A file that uses the benchmark range pushes the lab into the next one."""
    assert Prefix.parse("198.18.0.0/15") == Addresses([]).internet[4]
    used = [Prefix.parse("198.19.0.0/24")]
    assert Prefix.parse(INTERNET[4][1]) == Addresses(used).internet[4]


def test_a_file_that_uses_everything_is_refused() -> None:
    with pytest.raises(StateError, match="one of these ranges"):
        Addresses([Prefix.parse("0.0.0.0/0")])


def test_addresses_never_repeat() -> None:
    pool = Addresses([])
    drawn = [address for _ in range(300) for address in pool.uplink().values()]
    drawn += [str(pool.site6()) for _ in range(300)]
    drawn += [pool.behind_carrier() for _ in range(300)]
    assert len(drawn) == len(set(drawn))


@given(st.lists(st.integers(0, 255), max_size=8))
def test_lans_avoid_what_the_file_uses(thirds: list[int]) -> None:
    used = [Prefix.parse(f"192.168.{third}.0/24") for third in thirds]
    pool = Addresses(used)
    for lan in (pool.lan() for _ in range(5)):
        assert not any(lan.overlaps(prefix) for prefix in used)


def test_a_host_is_picked_inside_and_not_twice() -> None:
    prefix = Prefix.parse("192.0.2.0/29")
    taken: set[str] = set()
    for _ in range(6):
        taken.add(pick_host(prefix, taken).address)
    assert taken == {f"192.0.2.{n}" for n in range(1, 7)}
    with pytest.raises(StateError, match=r"no address is left in 192\.0\.2\.0/29"):
        pick_host(prefix, taken)


def test_tiny_prefixes_have_no_broadcast() -> None:
    assert str(pick_host(Prefix.parse("192.0.2.0/31"), ())) == "192.0.2.0/31"
    assert str(pick_host(Prefix.parse("192.0.2.7/32"), ())) == "192.0.2.7/32"


def test_from_above() -> None:
    hosts = itertools.islice((pick_host(Prefix.parse("10.0.0.0/8"), (), high=True) for _ in "x"), 1)
    assert [str(host) for host in hosts] == ["10.255.255.254/8"]
