from __future__ import annotations

import pytest

from meshc.engine.proto.datapath.arena import Arena


def test_slots_lie_a_stride_apart_and_are_made_once() -> None:
    arena = Arena(100)
    arena.buffer[:] = bytes(range(100))

    slots = arena.slots(2, 10, 4, 3)

    assert [bytes(slot) for slot in slots[:3]] == [
        bytes((2, 3, 4, 5)),
        bytes((12, 13, 14, 15)),
        bytes((22, 23, 24, 25)),
    ]
    assert arena.slots(2, 10, 4, 2) is slots
    assert arena.slots(2, 10, 4, 5)[0] is slots[0], "longer lists keep what they have"


def test_matrix_words_and_field_see_the_same_bytes() -> None:
    arena = Arena(64)
    arena.buffer[16:20] = b"\x01\x02\x03\x04"

    assert arena.matrix(0, 16, 4, 2)[1].tolist() == [1, 2, 3, 4]
    assert arena.words(0, 16, 4, 2)[1].tobytes() == b"\x01\x02\x03\x04"
    assert arena.field(1, 16, ">u2", 2).tolist() == [0, 0x0203]


def test_a_field_is_written_in_its_own_byte_order() -> None:
    arena = Arena(20)

    arena.field(1, 10, ">u4", 2)[:] = [1, 0x01020304]

    assert bytes(arena.buffer[1:5]) == b"\0\0\0\x01"
    assert bytes(arena.buffer[11:15]) == b"\x01\x02\x03\x04"


def test_many_layouts_do_not_pile_up() -> None:
    arena = Arena(4096)
    for size in range(1, 2000):
        arena.slots(0, size, size, 1)
        arena.field(0, size, "u1", 1)

    assert len(arena._layouts) <= 48
    assert len(arena._arrays) <= 512


def test_rows_never_reach_beyond_the_buffer() -> None:
    arena = Arena(30)

    assert len(arena.matrix(0, 10, 10, 99)) == 3
    assert len(arena.field(8, 10, "<u4", 99)) == 2
    with pytest.raises(IndexError):
        arena.field(8, 10, "<u4", 99)[2]
