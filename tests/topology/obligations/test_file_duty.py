"""Where a private key comes from is the topology's word, and so is every address."""

from __future__ import annotations

import pytest

from meshc.prefixes import Prefix
from meshc.topology.language.spec import NodeSpec
from meshc.topology.obligations.file_duty import KeyPlace, file_duty
from tests.support.wire import private_key

GIVEN = (Prefix.parse("10.1.0.9"),)
OWN = (Prefix.parse("10.1.0.2"), Prefix.parse("fd00::2"))
PLACES = {
    KeyPlace.FILE: NodeSpec(name="a"),
    KeyPlace.HOOK: NodeSpec(name="a", private_key_file="/etc/key"),
    KeyPlace.DEVICE: NodeSpec(name="a", public_key=private_key("a").public_key()),
}


@pytest.mark.parametrize("place", PLACES)
def test_the_place_of_the_key(place: KeyPlace) -> None:
    assert file_duty(PLACES[place], GIVEN, None).key is place


def test_a_key_from_a_command_is_a_hook_with_a_public_key_beside_it() -> None:
    key = private_key("a").public_key()
    node = NodeSpec(name="a", public_key=key, private_key_command="pass wg/a")
    assert file_duty(node, GIVEN, None).key is KeyPlace.HOOK


def test_addresses_are_those_of_the_topology_before_those_that_were_given() -> None:
    assert file_duty(NodeSpec(name="a"), GIVEN, None).addresses == GIVEN
    assert file_duty(NodeSpec(name="a", addresses=OWN), GIVEN, None).addresses == OWN


def test_the_mtu_is_the_node_s_before_the_network_s() -> None:
    assert file_duty(NodeSpec(name="a", mtu=1300), (), 8920).mtu == 1300
    assert file_duty(NodeSpec(name="a"), (), 8920).mtu == 8920
