"""What `exit_except` means: words become prefixes, the nearest layer wins."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.prefixes import InterfaceAddress, Prefix
from meshc.topology.language.load import load_spec
from meshc.topology.language.resolve.exit_exceptions import exit_exceptions

LAN = (InterfaceAddress.parse("192.168.1.9/24"),)


def test_words_stand_for_prefixes() -> None:
    assert list(map(str, exit_exceptions(["private"], LAN))) == [
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7",
    ]  # fmt: skip
    assert exit_exceptions(["own_lan"], LAN) == (Prefix.parse("192.168.1.0/24"),)
    assert exit_exceptions(["own_lan"], ()) == ()


def test_what_another_holds_is_said_once() -> None:
    written = ["private", "own_lan", InterfaceAddress.parse("10.9.0.0/16")]
    assert exit_exceptions(written, LAN) == exit_exceptions(["private"], LAN)


def test_it_is_inherited_as_the_exit_is() -> None:
    found = Diagnostics()
    spec = load_spec(
        "meshc: 1\nnetwork: {name: t, addresses: 10.44.0.0/24}\n"
        "defaults: {exit: hub, exit_except: [203.0.113.0/24]}\n"
        "sites: {home: {lan: 192.168.1.0/24, exit_except: own_lan}}\n"
        "groups: {phones: {members: [phone], exit_except: private, platform: ios}}\n"
        "nodes:\n"
        "  hub: {role: relay, endpoint: 9.9.9.9, exit_node: true}\n"
        "  pc: {}\n"
        "  desk: {site: home}\n"
        "  phone: {site: home}\n"
        "  whole: {site: home, exit_except: []}\n"
        "  out: {site: home, exit: none}\n",
        file="mesh.yaml",
        diagnostics=found,
    )
    assert spec is not None
    assert [d.code for d in found] == []
    assert {name: list(map(str, node.exit_except)) for name, node in spec.nodes.items()} == {
        "whole": [],
        "desk": ["192.168.1.0/24"],
        "hub": [],
        "out": [],
        "pc": ["203.0.113.0/24"],
        "phone": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
    }
