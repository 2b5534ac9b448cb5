"""The proof on a terminal."""

from __future__ import annotations

import pytest

from meshc.cli.views import proof_view
from meshc.cli.views.proof_view import print_proof
from meshc.topology.proof import prove
from tests.support.wire import FORWARD, Wire, main_example


def shown(wire: Wire, capsys: pytest.CaptureFixture[str], *, matrix: bool | None = None) -> str:
    print_proof(prove(wire.files(), wire.expectation()), matrix=matrix)
    return capsys.readouterr().out


def star(leaves: int) -> Wire:
    wire = Wire("10.44.0.0/24")
    wire.add("relay", "10.44.0.1/32", endpoint="198.51.100.1:51820", relay=True)
    wire.nodes["relay"].post_up += FORWARD
    for n in range(leaves):
        name, address = f"leaf{n:02}", f"10.44.0.{n + 10}/32"
        wire.add(name, address)
        wire.peer(name, "relay", "10.44.0.0/24", keepalive=25)
        wire.peer("relay", name, address)
    return wire


def test_the_matrix_names_relays(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(main_example(), capsys)
    assert "3 phone          A A   ● ●" in text
    assert "● direct, A through public-server1" in text
    assert "public-server1           6             6" in text
    assert "IPv4: 20 ordered pairs, all arrive; 14 direct, 6 through relays." in text
    assert "The proof holds." in text


def test_lost_pairs_and_lost_families(capsys: pytest.CaptureFixture[str]) -> None:
    wire = Wire("10.44.0.0/24", "fd44::/64")
    for n, name in enumerate(("a", "b", "c"), 1):
        wire.add(name, f"10.44.0.{n}/32", f"fd44::{n}/128", endpoint=f"198.51.100.{n}:51820")
    wire.peer("a", "b", ["10.44.0.2/32", "fd44::2/128"])
    wire.peer("b", "a", ["10.44.0.1/32"])
    lines = [line.split() for line in shown(wire, capsys).split("\n")]
    assert lines[1] == ["1", "a", "◐", "×"]
    assert "fails." in lines[-2]


def test_no_matrix_when_it_is_not_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    assert "from" not in shown(main_example(), capsys, matrix=False)


def test_a_matrix_of_many_groups_those_that_are_alike(capsys: pytest.CaptureFixture[str]) -> None:
    assert "from \\ to" not in shown(star(61), capsys)
    text = shown(star(61), capsys, matrix=True)
    assert max(map(len, text.split("\n"))) <= 80
    assert "1 leaf00 and 60 more A ●" in text


def test_the_one_that_loses_something_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    wire = star(45)
    wire.nodes["leaf07"].peers["relay"].keepalive = None
    text = shown(wire, capsys, matrix=True)
    assert "1 leaf00 and 43 more A × ●" in text
    assert "2 leaf07             A   ●" in text


def test_where_a_matrix_is_too_large_those_who_lose_are_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof_view, "MOST", 10)
    whole = shown(star(11), capsys, matrix=True)
    assert "12 nodes are too many for a matrix (at most 10)." in whole
    assert "No node loses a packet" in whole
    wire = star(45)
    wire.nodes["leaf07"].peers["relay"].keepalive = None
    text = shown(wire, capsys, matrix=True)
    assert "from \\ to" not in text
    assert "and 5 more nodes that lose something" in text
    assert "relay        44     1" in text


def test_what_is_not_judged_is_not_called_lost_nor_proven(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wire = main_example()
    wire.nodes["phone"].post_up.append("my-own-program --that could do anything")
    text = shown(wire, capsys)
    assert "IPv4: 20 ordered pairs, 8 not judged; 10 direct, 2 through relays." in text
    assert "The proof holds, but claims nothing for 8 pairs (W443)." in text
    assert "lost;" not in text
