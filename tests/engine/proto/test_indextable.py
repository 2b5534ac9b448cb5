from __future__ import annotations

from meshc.engine.proto.indextable import IndexTable


def test_indices_do_not_collide_and_are_never_zero():
    draws = iter([b"\0\0\0\0", b"\1\0\0\0", b"\1\0\0\0", b"\2\0\0\0"])
    table = IndexTable(lambda size: next(draws))
    assert table.new("a") == 1
    assert table.new("b") == 2
    assert [table.get(1), table.get(2), table.get(3)] == ["a", "b", None]


def test_swap_and_delete():
    table = IndexTable(lambda size: b"\7\0\0\0")
    index = table.new("handshake")
    table.swap(index, "session")
    assert table.get(index) == "session"
    table.delete(index)
    table.delete(index)
    assert (table.get(index), len(table)) == (None, 0)
