"""Agents are told apart, and spoken to, by addresses that nobody has to write down."""

from __future__ import annotations

from meshc.prefixes import Prefix
from meshc.topology.obligations.control_channel import LINK_LOCAL, probe_address
from tests.support.healing import healing_plan

ON_THE_WIRE = Prefix.parse("fe80::/64")


def test_probe_addresses_are_link_local_stable_and_one_for_each_key() -> None:
    keys = [node.public_key for node in healing_plan().nodes.values()]
    found = {probe_address(key) for key in keys}
    assert len(found) == len(keys)
    assert all(ON_THE_WIRE.contains(address) and address.length == 128 for address in found)
    assert LINK_LOCAL.contains(ON_THE_WIRE)
    assert found == {probe_address(key) for key in keys}
