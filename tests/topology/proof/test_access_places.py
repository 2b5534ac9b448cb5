"""Where a node decides, by what it is."""

from __future__ import annotations

import pytest

from meshc.prefixes import Prefix
from meshc.topology.proof import expectation
from meshc.topology.proof.access_places import AccessPlace, FamilySurroundings, access_places
from tests.support.policy_networks import policy_network

TEXT = """
meshc: 1
network: {name: n, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: 198.51.100.1, exit_node: true}
  nas: {routes: 192.168.7.0/24}
  a: {exit: hub, dns: 9.9.9.9}
policies: [{from: a, to: [nas, internet]}]
"""


@pytest.fixture(scope="module")
def places() -> dict[str, dict[str, AccessPlace]]:
    network = policy_network(TEXT)
    made = expectation(network.spec, addresses=network.analysis.allocation.addresses)
    around = FamilySurroundings.of(made, 4)
    return {
        name: {
            place.what: place
            for place in access_places(facts, made.obligations.around.addresses[name], around)
        }
        for name, facts in made.nodes.items()
    }


def test_a_leaf_answers_for_itself(places: dict[str, dict[str, AccessPlace]]) -> None:
    assert set(places["a"]) == {"come in", "out to its LANs", "through", "out of itself"}
    assert places["a"]["through"].owed_to == ()
    assert places["a"]["out of itself"].judged_from == ()


def test_a_router_answers_for_its_lans(places: dict[str, dict[str, AccessPlace]]) -> None:
    lan = (Prefix.parse("192.168.7.0/24"),)
    assert places["nas"]["out to its LANs"].owed_to == lan
    assert places["nas"]["from beside it"].sources == lan


def test_a_relay_and_exit_answers_for_all(places: dict[str, dict[str, AccessPlace]]) -> None:
    assert Prefix.parse("192.168.7.0/24") in places["hub"]["through"].owed_to
    (user,) = places["hub"]["out to the internet"].owed_from
    assert user == places["a"]["out of itself"].sources[0]
    assert places["hub"]["out of itself"].judged_from
