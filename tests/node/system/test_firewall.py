"""The text that goes into iptables-restore, and what is recognised of it afterwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from meshc.node.system import firewall
from meshc.node.system.firewall import Chain, FirewallFacts, load_text, unload_text
from tests.support.netns import Namespace, namespaces, needs_root, require

FORWARD = Chain("filter", "MESHC-FWD-wg0", "FORWARD", ("-i wg0 -o wg0 -j ACCEPT", "-i wg0 -j DROP"))
NAT = Chain("nat", "MESHC-NAT-wg0", "POSTROUTING", ("-s 10.0.0.0/8 -o eth0 -j MASQUERADE",))
FOREIGN = """*filter
:INPUT ACCEPT [5:300]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
-A FORWARD -j DOCKER
-A DOCKER -i wg0 -j RETURN
COMMIT
"""
LOADED = """*filter
:FORWARD DROP [0:0]
:MESHC-FWD-wg0 - [0:0]
-A FORWARD -j MESHC-FWD-wg0
-A FORWARD -j DOCKER
-A MESHC-FWD-wg0 -i wg0 -o wg0 -j ACCEPT
-A MESHC-FWD-wg0 -i wg0 -j DROP
COMMIT
"""


def test_a_first_load_adds_the_jump_in_front() -> None:
    assert load_text([FORWARD, NAT], FOREIGN).split("\n") == [
        "*filter",
        ":MESHC-FWD-wg0 - [0:0]",
        "-A MESHC-FWD-wg0 -i wg0 -o wg0 -j ACCEPT",
        "-A MESHC-FWD-wg0 -i wg0 -j DROP",
        "-I FORWARD -j MESHC-FWD-wg0",
        "COMMIT",
        "*nat",
        ":MESHC-NAT-wg0 - [0:0]",
        "-A MESHC-NAT-wg0 -s 10.0.0.0/8 -o eth0 -j MASQUERADE",
        "-I POSTROUTING -j MESHC-NAT-wg0",
        "COMMIT",
        "",
    ]


def test_a_second_load_leaves_the_jump() -> None:
    assert "-I FORWARD" not in load_text([FORWARD], LOADED)


def test_only_what_is_there_is_removed() -> None:
    assert unload_text([FORWARD, NAT], FOREIGN) == ""
    assert unload_text([FORWARD, NAT], LOADED).split("\n") == [
        "*filter",
        "-D FORWARD -j MESHC-FWD-wg0",
        "-F MESHC-FWD-wg0",
        "-X MESHC-FWD-wg0",
        "COMMIT",
        "",
    ]


@pytest.mark.parametrize(
    ("dump", "there"),
    [
        (LOADED, True),
        (FOREIGN, False),
        ("", False),
        (LOADED.replace("-A FORWARD -j MESHC-FWD-wg0\n", ""), False),
        (LOADED.replace("-A MESHC-FWD-wg0 -i wg0 -j DROP\n", ""), False),
        (LOADED.replace("*filter", "*nat"), False),
    ],
)
def test_missing_parts_are_noticed(dump: str, there: bool) -> None:
    assert FirewallFacts("iptables", dump).has(FORWARD) is there


def test_tables_are_those_of_the_dump() -> None:
    assert FirewallFacts("iptables", FOREIGN + "*nat\nCOMMIT\n").tables() == {"filter", "nat"}


@pytest.fixture
def box() -> Iterator[Namespace]:
    require("iptables", "ip6tables", "nft")
    with namespaces("box") as (one,):
        yield one


USE = """
import sys
from meshc.node.system import firewall
from meshc.node.system.firewall import Chain, FirewallLoad
load = FirewallLoad(4, {program!r}, (Chain("filter", "MESHC-FWD-wg0", "FORWARD", {rules!r}),
                                     Chain("raw", "MESHC-RAW-wg0", "PREROUTING", ())), ("raw",))
getattr(load, {verb!r})(None)
"""


@pytest.mark.root
@pytest.mark.parametrize("program", ["iptables", "iptables-legacy"])
@needs_root[1]
@needs_root[2]
def test_both_back_ends_load_reload_and_forget(box: Namespace, program: str) -> None:
    require(program)

    def use(verb: str, *rules: str) -> str:
        code = USE.format(program=program, rules=rules, verb=verb)
        box.run(sys.executable, "-c", code)
        return box.run(f"{program}-save").stdout

    box.run(program, "-A", "FORWARD", "-s", "192.0.2.66", "-j", "DROP")
    first = use("apply", "-i wg0 -j DROP")
    assert "-A MESHC-FWD-wg0 -i wg0 -j DROP" in first
    second = use("apply", "-i wg1 -j DROP", "-i wg2 -j DROP")
    assert second.count("-A FORWARD -j MESHC-FWD-wg0") == 1
    assert "-i wg0" not in second
    assert second.count("-A MESHC-FWD-wg0") == 2
    gone = use("reverse", "whatever")
    assert "MESHC" not in gone
    assert "-s 192.0.2.66/32 -j DROP" in gone
    assert use("reverse", "whatever").count("MESHC") == 0
    if program == "iptables":
        assert "*raw" not in gone


@pytest.mark.root
@needs_root[1]
def test_the_back_end_that_is_in_use_is_chosen(box: Namespace) -> None:
    require("iptables-legacy")
    ask = "from meshc.node.system import firewall; print(firewall.read_facts(4).program)"

    def chosen() -> str:
        return box.run(sys.executable, "-c", ask).stdout.strip()

    assert chosen() == "iptables"
    box.shell("iptables-legacy -A FORWARD -s 192.0.2.66 -j DROP")
    assert chosen() == "iptables-legacy"
    box.shell("iptables -A FORWARD -s 192.0.2.66 -j DROP")
    assert chosen() == "iptables"


def test_without_iptables_there_are_no_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert firewall.read_facts(4) == FirewallFacts()
    assert firewall.nft_tables() == frozenset()
