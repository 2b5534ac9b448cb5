"""Blocks and chunks: every number is handed out once, near its group."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.topology.planner.addressing.address_blocks import COMMON, NumberSpace, block_bits


def space(bits: int) -> tuple[NumberSpace, set[int]]:
    taken: set[int] = set()
    return NumberSpace(bits, lambda number: number not in taken and number < 1 << bits), taken


@settings(deadline=None)
@given(st.integers(1, 8), st.lists(st.sampled_from(["", "east", "west", "north"]), max_size=300))
def test_every_number_once_until_none_is_left(bits: int, groups: list[str]) -> None:
    made, taken = space(bits)
    for place, group in enumerate(groups):
        number = made.take(group, f"n{place}")
        assert (number is None) == (place >= 1 << bits)
        if number is not None:
            assert number not in taken
            taken.add(number)


def test_groups_do_not_share_blocks_while_there_is_room() -> None:
    made, taken = space(16)
    blocks: dict[str, set[int]] = {}
    for place in range(600):
        group = ("east", "west", "north")[place % 3]
        number = made.take(group, f"n{place}")
        assert number is not None
        taken.add(number)
        blocks.setdefault(group, set()).add(number >> block_bits(16))
    assert [len(found) for found in blocks.values()] == [1, 1, 1]
    assert len(set().union(*blocks.values())) == 3


def test_a_chunk_is_filled_before_the_next() -> None:
    made, taken = space(16)
    for place in range(40):
        number = made.take("east", f"n{place}")
        assert number is not None
        taken.add(number)
    chunks = sorted(number >> 4 for number in taken)
    # the first number of the block is the last to be taken
    assert [chunks.count(c) for c in sorted(set(chunks))] == [15, 16, 9]


def test_the_first_number_of_a_block_is_taken_last() -> None:
    made, taken = space(8)
    numbers = []
    for place in range(17):
        number = made.take("east", f"n{place}")
        assert number is not None
        taken.add(number)
        numbers.append(number)
    assert [number % 16 == 0 for number in numbers[:16]] == [False] * 15 + [True]
    assert numbers[15] >> 4 == numbers[0] >> 4 != numbers[16] >> 4


def test_common_nodes_begin_at_the_bottom() -> None:
    made, _ = space(16)
    number = made.take(COMMON, "n")
    assert number is not None
    assert number < 16


def test_a_wider_space_is_opened_when_the_first_is_full() -> None:
    taken: set[int] = set(range(1 << 16))
    made = NumberSpace(64, lambda number: number not in taken)
    number = made.take("east", "n")
    assert number is not None
    assert 1 << 16 <= number < 1 << 20
