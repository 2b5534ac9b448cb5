"""Names can be read in dots."""

from __future__ import annotations

import string

from meshc.render.dot_text import HEIGHT, WIDTH, dot_rows

NAMES = string.ascii_letters + string.digits + "-_.: "


def drawn(text: str, most: int = 200) -> tuple[str, ...]:
    return tuple("".join(" #"[dot] for dot in row) for row in dot_rows(text, most=most))


def test_a_sign_is_drawn_as_it_looks() -> None:
    assert drawn("T", most=6)[:7] == ("##### ", *["  #   "] * 6)
    assert drawn("l", most=6)[:7] == (*["#     "] * 6, "##### ")


def test_every_sign_of_a_name_has_a_shape_of_its_own_but_for_capitals() -> None:
    shapes = {drawn(f"x{sign}x") for sign in NAMES if sign != " "}
    assert len(shapes) == 26 + 10 + 4
    assert drawn("xéx") not in shapes


def test_a_long_text_goes_on_in_the_next_line_and_every_row_is_whole() -> None:
    rows = list(dot_rows("network: node", most=9 * WIDTH))
    assert len(rows) == 2 * HEIGHT
    assert {len(row) for row in rows} == {9 * WIDTH}
    assert not list(dot_rows("", most=60))
