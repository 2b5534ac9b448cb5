"""Default routes with holes, as calculators write them."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.prefixes import Prefix, without
from meshc.topology.importer.inference import infer
from meshc.topology.importer.partial_defaults import is_default, left_out
from meshc.wg.conf import PeerConf, parse
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


def test_a_list_of_all_the_rest_says_what_is_left_out() -> None:
    assert list(left_out(peer(*PUBLIC))) == PRIVATE
    assert left_out(peer(*PRIVATE)) == ()
    assert left_out(peer(Prefix.parse("0.0.0.0/0"))) == ()


def test_two_halves_are_the_whole() -> None:
    halves = [Prefix.parse("0.0.0.0/1"), Prefix.parse("128.0.0.0/1")]
    assert is_default(peer(*halves))
    assert not is_default(peer(*PUBLIC))


def test_such_a_list_is_an_exit_and_no_thirty_lans() -> None:
    found = Diagnostics()
    conf = parse(text(*PUBLIC, Prefix.host("10.64.0.1")), file="calc.conf")
    imported = infer([conf], found)
    assert imported
    assert imported.nodes["calc"].exit == "vpn"
    assert imported.nodes["vpn"].routes == ()
    assert [one.code for one in found] == ["W908"]
