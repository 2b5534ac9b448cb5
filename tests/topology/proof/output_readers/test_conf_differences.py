"""A wg-quick file beside what another output says of the same node."""

from __future__ import annotations

from dataclasses import replace

from meshc.prefixes import Prefix
from meshc.topology.proof.output_readers.conf_differences import (
    conf_differences,
    key_file,
    wg_quick_routes,
)
from meshc.topology.proof.output_readers.output_reading import MAIN, OWN, OutputReading
from meshc.wg.conf import Conf, parse
from tests.support.wire import private_key

PEER = private_key("hub").public_key()
TEXT = f"""\
[Interface]
PrivateKey = {private_key("laptop").reveal()}
Address = 10.44.0.2/32
PostUp = echo %i
[Peer]
PublicKey = {PEER}
AllowedIPs = 0.0.0.0/0, 10.44.0.0/24
"""


def reading_of(conf: Conf) -> OutputReading:
    filled = tuple(line.replace("%i", "wg0") for line in conf.post_up)
    return OutputReading(replace(conf, post_up=filled), "wg0", wg_quick_routes(conf))


def said(conf: Conf, reading: OutputReading) -> list[str]:
    return list(conf_differences(conf, reading, "wg0", {PEER: "hub"}))


def test_the_same_has_no_difference() -> None:
    conf = parse(TEXT)
    assert said(conf, reading_of(conf)) == []
    # the mark that wg-quick chooses by itself
    assert said(replace(conf, fwmark=51820), reading_of(conf)) == []


def test_routes_of_wg_quick() -> None:
    """wg-quick(8), `Table`."""
    conf = parse(TEXT)
    default, pool = Prefix.parse("0.0.0.0/0"), Prefix.parse("10.44.0.0/24")
    assert wg_quick_routes(conf) == {(OWN, default), (MAIN, pool)}
    assert wg_quick_routes(replace(conf, table="off")) == frozenset()
    assert wg_quick_routes(replace(conf, table="7")) == {("7", default), ("7", pool)}
    assert wg_quick_routes(replace(conf, table="254")) == {(MAIN, default), (MAIN, pool)}


def test_a_key_that_is_to_stay_on_the_node() -> None:
    conf = parse(TEXT)
    hook = "wg set %i private-key '/etc/a key'"
    kept = replace(conf, private_key=None, post_up=(hook, "echo %i"))
    assert key_file(kept) == "/etc/a key"
    assert said(kept, replace(reading_of(conf), key_file="/etc/a key")) == [
        "hold a private key, which is to stay on the node"
    ]
    without = replace(reading_of(conf), conf=replace(conf, private_key=None, post_up=("echo wg0",)))
    assert said(kept, replace(without, key_file="/etc/a key")) == []
    assert said(kept, replace(without, key_file="/etc/b")) == [
        "read the private key from /etc/b, not from /etc/a key"
    ]


def test_hooks_in_another_order_or_at_another_time() -> None:
    conf = replace(parse(TEXT), post_up=("echo a", "echo b"))
    reading = reading_of(conf)
    swapped = replace(reading, conf=replace(conf, post_up=("echo b", "echo a")))
    assert said(conf, swapped) == ["run the hooks in another order"]
    early = replace(reading, conf=replace(conf, pre_up=("echo a",), post_up=("echo b",)))
    assert said(conf, early) == [
        "run `echo a`, which is no hook of the node",
        "lack the hook `echo a`",
    ]


def test_a_peer_twice() -> None:
    conf = parse(TEXT)
    reading = reading_of(conf)
    twice = replace(reading, conf=replace(reading.conf, peers=conf.peers * 2))
    assert said(conf, twice) == ["list a peer twice"]


def test_rules_in_comments_count_one_by_one() -> None:
    """Hooks hand them to nft or iptables-restore."""
    conf = replace(parse(TEXT), rules=("#nft a", "#nft b"))
    reading = reading_of(conf)

    def with_rules(*rules: str) -> list[str]:
        return said(conf, replace(reading, conf=replace(reading.conf, rules=rules)))

    assert with_rules("#nft a", "#nft b") == []
    assert with_rules("#nft a", "#nft c") == [
        "have `#nft c` as rule 2 of the firewall, not `#nft b`"
    ]
    assert with_rules("#nft a") == ["have nothing as rule 2 of the firewall, not `#nft b`"]
    assert with_rules("#nft a", "#nft b", "#nft c") == [
        "have `#nft c` as rule 3 of the firewall, not nothing"
    ]
