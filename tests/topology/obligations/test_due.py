"""Who takes part in an exchange is told from the party itself."""

from __future__ import annotations

from meshc.prefixes import Prefix
from meshc.topology.obligations.due import Party

HOST = Prefix.parse("192.168.7.9")


def test_a_party_is_a_node_or_a_host_behind_one_or_in_the_internet() -> None:
    assert Party("a").is_node
    assert not Party("a").in_internet
    assert not Party("a", HOST).is_node
    assert not Party("a", HOST).in_internet
    assert Party(host=HOST).in_internet
