"""Hook lines taken apart: only what the proof needs, and never wrong about where words end."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.topology.proof.hook_commands import commands

CASES = {
    "plain": ("sysctl -w net.ipv4.ip_forward=1", [("sysctl", "-w", "net.ipv4.ip_forward=1")]),
    "two": ("a b; c d", [("a", "b"), ("c", "d")]),
    "and, or, pipe": ("a && b || c | d &", [("a",), ("b",), ("c",), ("d",)]),
    "quotes": ("a 'b c' \"d e\" f\\ g", [("a", "b c", "d e", "f g")]),
    "quoted separators": ("a ';' \"&&\"", [("a", ";", "&&")]),
    "redirection": ("echo 1 > /proc/x 2>&1", [("echo", "1", ">", "/proc/x", ">", "1")]),
    "no spaces": ("echo 1>/proc/x", [("echo", ">", "/proc/x")]),
    "substitution": (
        "iptables -o $(ip route | awk '{print $5; exit}') -j X",
        [("iptables", "-o", "$(ip route | awk '{print $5; exit}')", "-j", "X")],
    ),
    "quoted substitution": (
        'iptables -o "$(ip -4 route | sed \'s/")//\')" -j X',
        [("iptables", "-o", "$(ip -4 route | sed 's/\")//')", "-j", "X")],
    ),
    "conditions": (
        "if [ -e /x ]; then iptables -A F; else sudo ip6tables -A F; fi",
        [("[", "-e", "/x", "]"), ("iptables", "-A", "F"), ("ip6tables", "-A", "F"), ("fi",)],
    ),
    "nothing": ("  ", []),
}


@pytest.mark.parametrize(("line", "expected"), CASES.values(), ids=CASES)
def test_commands(line: str, expected: list[tuple[str, ...]]) -> None:
    assert list(commands(line)) == expected


WORDS = st.lists(st.text("ab -'\"\\;|&$><(){}", min_size=1, max_size=6), min_size=1, max_size=5)


@given(WORDS)
def test_quoted_words_come_back(words: list[str]) -> None:
    words = ["run", *words]
    assert list(commands(shlex.join(words))) == [tuple(words)]


@given(st.text(max_size=40))
def test_any_line_ends(line: str) -> None:
    for words in commands(line):
        assert words


@given(st.text(alphabet="a1-=.:/!{}() \t\r\u00a0", max_size=24))
def test_a_line_of_words_alone_is_read_as_any_other(line: str) -> None:
    """A rule set has hundreds of them; the oracle reads letter by letter, because of the `;`."""
    assert list(commands(line)) == list(commands(line + ";"))
