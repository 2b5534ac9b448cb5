"""The proof on a terminal."""

from __future__ import annotations

import pytest

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
    assert "3 phone           A  A     ●  ●" in text
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


def test_a_large_network_shows_a_matrix_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    assert "from \\ to" not in shown(star(25), capsys)
    text = shown(star(25), capsys, matrix=True)
    assert max(map(len, text.split("\n"))) <= 160
    assert "25 leaf24" in text


def test_a_huge_network_shows_who_loses(capsys: pytest.CaptureFixture[str]) -> None:
    wire = star(45)
    wire.nodes["leaf07"].peers["relay"].keepalive = None
    text = shown(wire, capsys, matrix=True)
    assert "from \\ to" not in text
    assert "relay        44     1" in text
