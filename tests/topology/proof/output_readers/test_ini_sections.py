"""INI files as systemd and GLib write them."""

from __future__ import annotations

import pytest

from meshc.topology.proof.output_readers.ini_sections import read_sections, valued
from meshc.topology.proof.output_readers.output_reading import OutputError


def test_sections_keep_their_order_and_their_names_may_repeat() -> None:
    one, two = read_sections("# c\n[Route]\nA = 1\n;x\n\n[Route]\nA=2\nB=a=b\n", "f")
    assert [(s.name, s.line) for s in (one, two)] == [("Route", 2), ("Route", 6)]
    assert (one.last("A"), two.last("A"), two.last("B"), two.last("C", "d")) == (
        "1", "2", "a=b", "d",
    )  # fmt: skip


def test_an_empty_value_takes_back_those_before() -> None:
    (section,) = read_sections("[N]\nA=1\nA=2\nA=\nA=3\nB=4\n", "f")
    assert section.every("A") == ["3"]
    assert section.others(("A",)) == ["B in line 6"]


@pytest.mark.parametrize("text", ["A=1\n", "[N]\nA\n", "[N]\nA=1 \\\nB=2\n"])
def test_what_is_no_setting_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(OutputError, match=r"f:[12]: not a"):
        read_sections(text, "f")


def test_a_value_that_is_none_is_not_repeated() -> None:
    with pytest.raises(OutputError, match=r"^f:3: this is no port$"):
        valued(int, "secret", "port", "f:3")
