"""One row for nodes that are alike, and eighty columns are enough."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.cli.views.page import Piece, PlainPage
from meshc.cli.views.path_matrix import MOST_NAMED, WIDTH, alike, print_path_matrix


def star(a: int, b: int) -> Piece:
    """Node 0 is a relay, everybody else hangs on it."""
    if a == b:
        return ""
    return "●" if 0 in (a, b) else "A"


def test_leaves_of_one_relay_are_one_row() -> None:
    assert [group.members for group in alike(5, star)] == [(0,), (1, 2, 3, 4)]


@given(
    st.integers(2, 7).flatmap(
        lambda n: st.lists(
            st.lists(st.sampled_from("●A×"), min_size=n, max_size=n), min_size=n, max_size=n
        )
    )
)
def test_members_can_be_exchanged_and_nobody_sees_it(cells: list[list[str]]) -> None:
    """The oracle: swap any two members, and the whole matrix stays the same."""
    for n in range(len(cells)):
        cells[n][n] = ""
    groups = alike(len(cells), lambda a, b: cells[a][b])
    assert sorted(itertools.chain(*(group.members for group in groups))) == list(range(len(cells)))
    for group in groups:
        for a, b in itertools.combinations(group.members, 2):
            swap = {a: b, b: a}
            for i, j in itertools.product(range(len(cells)), repeat=2):
                assert cells[i][j] == cells[swap.get(i, i)][swap.get(j, j)]


def test_a_group_says_how_its_members_reach_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["relay", *(f"leaf{n}" for n in range(MOST_NAMED))]
    print_path_matrix(PlainPage(), names, star)
    assert capsys.readouterr().out.splitlines() == [
        "from \\ to           1 2",
        "1 relay               ●",
        "2 leaf0 and 15 more ● A",
    ]


def test_few_nodes_are_all_named(capsys: pytest.CaptureFixture[str]) -> None:
    print_path_matrix(PlainPage(), ["relay", "a", "b"], star)
    assert capsys.readouterr().out.splitlines() == [
        "from \\ to 1 2 3",
        "1 relay     ● ●",
        "2 a       ●   A",
        "3 b       ● A  ",
    ]


def test_columns_that_do_not_fit_follow_below(capsys: pytest.CaptureFixture[str]) -> None:
    """Forty nodes of which no two are alike, with long names that differ at their ends."""
    names = [f"office-of-the-company-in-the-city-number-{n}" for n in range(40)]
    print_path_matrix(PlainPage(), names, lambda a, b: "●" if a < b else "×")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert len([line for line in lines if line.startswith("40 office-of-t")]) > 1
    titles = [line for line in lines if line.startswith("from")]
    assert [int(n) for line in titles for n in line.split()[3:]] == list(range(1, 41))
    assert any("-number-39" in line for line in lines)
