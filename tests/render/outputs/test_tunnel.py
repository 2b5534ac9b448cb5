"""What all outputs are written from: tables and marks as wg-quick(8) chooses them."""

from __future__ import annotations

import pytest

from meshc.prefixes import Prefix
from meshc.render.outputs.tunnel import MAIN, OutputRefusedError
from tests.support.tunnels import tunnel

DEFAULT, POOL = Prefix.parse("0.0.0.0/0"), Prefix.parse("10.44.0.0/24")


def test_a_default_route_has_a_table_and_a_mark_of_its_own() -> None:
    user = tunnel("laptop")
    assert (user.own_table, user.mark) == ((4, 6), 51820)
    assert (user.table_of(DEFAULT), user.table_of(POOL)) == (51820, MAIN)
    marked = tunnel("laptop", fwmark=77)
    assert (marked.mark, marked.table_of(DEFAULT)) == (77, 77)


def test_without_a_default_route_there_is_no_mark() -> None:
    desk = tunnel("desk")
    assert (desk.own_table, desk.mark, desk.table_of(POOL)) == ((), None, MAIN)


def test_a_table_is_for_every_prefix() -> None:
    user = tunnel("laptop", table="77")
    assert (user.own_table, user.mark) == ((), None)
    assert user.table_of(DEFAULT) == user.table_of(POOL) == 77
    assert tunnel("laptop", table="main").table_of(POOL) == MAIN
    assert tunnel("laptop", table="off").table_of(POOL) is None


def test_a_table_that_only_the_node_knows_is_refused() -> None:
    with pytest.raises(OutputRefusedError, match="'vpn' is a name") as refused:
        tunnel("laptop", table="vpn").table_of(POOL)
    assert refused.value.hint == "give the number of the table"
