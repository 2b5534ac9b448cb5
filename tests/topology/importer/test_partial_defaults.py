"""Default routes with holes, as calculators write them."""

from __future__ import annotations

import pytest

from meshc.diagnostics import Diagnostics
from meshc.prefixes import Prefix, collapse, without
from meshc.topology.importer.exit_use import ExitUse
from meshc.topology.importer.inference import infer
from meshc.topology.importer.partial_defaults import (
    has_parts,
    in_words,
    is_default,
    kept_beside,
    needs_an_app,
)
from meshc.topology.importer.topology_text import document
from meshc.topology.language.load import load_spec
from meshc.wg.conf import PeerConf, parse
from tests.support import specs
from tests.support.wire import private_key

PRIVATE = [Prefix.parse(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
PUBLIC = without([Prefix.parse("0.0.0.0/0")], PRIVATE)


def text(*allowed: Prefix) -> str:
    return (
        f"[Interface]\nPrivateKey = {private_key('a').reveal()}\nAddress = 10.64.0.9/32\n"
        f"[Peer]\n# Name = vpn\nPublicKey = {private_key('vpn').public_key()}\n"
        f"AllowedIPs = {', '.join(map(str, allowed))}\nEndpoint = 203.0.113.5:51820\n"
    )


def peer(*allowed: Prefix) -> PeerConf:
    (only,) = parse(text(*allowed)).peers
    return only


def beside(*allowed: Prefix, mesh: str = "10.64.0.0/24") -> list[str]:
    conf = parse(text(*allowed))
    return list(in_words(kept_beside(conf, [Prefix.parse(mesh)]), conf))


def test_parts_of_a_default_route_are_wider_than_any_lan() -> None:
    assert has_parts(peer(*PUBLIC))
    assert not has_parts(peer(*PRIVATE))
    assert not has_parts(peer(Prefix.parse("0.0.0.0/0")))


def test_two_halves_are_the_whole() -> None:
    halves = [Prefix.parse("0.0.0.0/1"), Prefix.parse("128.0.0.0/1")]
    assert is_default(peer(*halves))
    assert not has_parts(peer(*halves))
    assert not is_default(peer(*PUBLIC))


def test_a_list_of_all_the_rest_says_what_is_left_out() -> None:
    assert beside(*PUBLIC) == ["private"]
    assert beside(Prefix.parse("0.0.0.0/0")) == []
    one = Prefix.parse("198.51.100.0/24")
    assert beside(*without(PUBLIC, [one])) == ["private", "198.51.100.0/24"]


def test_what_the_network_has_itself_is_no_exception_and_splits_none() -> None:
    """The pool lies in 10.0.0.0/8, in the tunnel or not."""
    pool = Prefix.parse("10.64.0.0/24")
    assert beside(*PUBLIC, pool) == beside(*PUBLIC) == ["private"]
    some = without([Prefix.parse("0.0.0.0/0")], [Prefix.parse("10.0.0.0/8")])
    assert beside(*some, pool) == ["10.0.0.0/8"]


def test_the_word_stands_for_both_families_where_the_file_speaks_of_both() -> None:
    six = Prefix.parse("::/0")
    assert beside(*PUBLIC, six) == list(map(str, PRIVATE))
    assert beside(*PUBLIC, *without([six], [Prefix.parse("fc00::/7")])) == ["private"]


def test_the_endpoint_is_left_out_by_itself() -> None:
    door = Prefix.host("203.0.113.5")
    assert beside(*without(PUBLIC, [door])) == ["private"]


def test_a_family_that_stays_out_as_a_whole_is_an_exception_where_the_node_has_an_address() -> None:
    conf = parse(text(Prefix.parse("0.0.0.0/0")).replace("10.64.0.9/32", "10.64.0.9/32, fd64::9"))
    pools = [Prefix.parse("10.64.0.0/24"), Prefix.parse("fd64::/64")]
    assert in_words(kept_beside(conf, pools), conf) == ("::/0",)


def test_a_list_that_holds_the_endpoint_works_in_an_app_only() -> None:
    door, hooked = Prefix.host("203.0.113.5"), "Table = off\n[Peer]"
    for allowed, expected in ((PUBLIC, True), (without(PUBLIC, [door]), False)):
        conf = parse(text(*allowed))
        left = kept_beside(conf, [])
        assert needs_an_app(conf, left) is expected
        own = parse(text(*allowed).replace("[Peer]", hooked))
        assert not needs_an_app(own, kept_beside(own, [])), "it has routes of its own"
        named = parse(text(*allowed).replace("203.0.113.5:", "vpn.example.org:"))
        assert needs_an_app(named, kept_beside(named, []))


def test_such_a_list_is_an_exit_and_no_thirty_lans() -> None:
    found = Diagnostics()
    conf = parse(text(*PUBLIC, Prefix.host("10.64.0.1")), file="calc.conf")
    imported = infer([conf], found)
    assert imported
    assert imported.nodes["calc"].exit_use == ExitUse("vpn", ("private",), True)
    assert imported.nodes["vpn"].routes == ()
    assert [one.code for one in found] == ["W909"]


CALCULATED = (
    "0.0.0.0/5, 8.0.0.0/7, 11.0.0.0/8, 12.0.0.0/6, 16.0.0.0/4, 32.0.0.0/3, 64.0.0.0/2, "
    "128.0.0.0/3, 160.0.0.0/5, 168.0.0.0/6, 172.0.0.0/12, 172.32.0.0/11, 172.64.0.0/10, "
    "172.128.0.0/9, 173.0.0.0/8, 174.0.0.0/7, 176.0.0.0/4, 192.0.0.0/9, 192.128.0.0/11, "
    "192.160.0.0/13, 192.169.0.0/16, 192.170.0.0/15, 192.172.0.0/14, 192.176.0.0/12, "
    "192.192.0.0/10, 193.0.0.0/8, 194.0.0.0/7, 196.0.0.0/6, 200.0.0.0/5, 208.0.0.0/4"
)


@pytest.mark.parametrize("allowed", ["0.0.0.0/1, 128.0.0.0/1, ::/1, 8000::/1", CALCULATED])
def test_what_people_wrote_by_hand_is_built_again_as_it_was(allowed: str) -> None:
    """Two halves, and a list that a calculator made (everything but private space and what is
    above 223.255.255.255)."""
    before = tuple(map(Prefix.parse, allowed.split(", ")))
    pool = Prefix.parse("10.64.0.1/32")
    imported = infer([parse(text(*before, pool), file="calc.conf")], Diagnostics())
    assert imported
    found = Diagnostics()
    spec = load_spec(document(imported, name="t"), file="mesh.yaml", diagnostics=found)
    assert spec is not None
    assert not found.has_errors
    assert spec.nodes["calc"].exit == "vpn"
    plan = specs.plan(spec)
    (peer,) = plan.nodes["calc"].peers
    wanted = [p for p in before if p.family == 4]
    assert collapse(p for p in peer.allowed_ips if p.family == 4) == collapse(
        [*wanted, *spec.network.pools]
    )
