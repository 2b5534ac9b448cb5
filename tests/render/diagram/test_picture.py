"""The picture holds what the plan holds: links, and the path of every pair."""

from __future__ import annotations

from meshc.render.diagram.picture import NodeKind, picture
from tests.support.plans import star
from tests.support.policy_networks import policy_network

NAMES = ["home-server", "laptop", "phone", "public-server1", "public-server2"]


def test_nodes_keep_their_kind() -> None:
    kinds = {node.name: node.kind for node in picture(star()).nodes}
    assert kinds == {
        "home-server": NodeKind.HIDDEN,
        "laptop": NodeKind.HIDDEN,
        "phone": NodeKind.HIDDEN,
        "public-server1": NodeKind.RELAY,
        "public-server2": NodeKind.PUBLIC,
    }


def test_links_are_the_peer_sections() -> None:
    drawn = picture(star())
    named = {(NAMES[a], NAMES[b]) for a, b in drawn.links}
    hidden = {(n, s) for n in NAMES[:3] for s in NAMES[3:]}
    assert named == hidden | {("public-server1", "public-server2")}


def test_hidden_pairs_are_bounced_through_the_relay() -> None:
    drawn = picture(star())
    assert drawn.bounced == ((0, 1), (0, 2), (1, 2))
    assert {drawn.paths[a][b] for a, b in drawn.bounced} == {(3,)}


def test_the_home_of_a_leaf_is_where_its_catch_all_points() -> None:
    assert picture(star()).home == (3, 3, 3, None, 3)


POLICIES = """
meshc: 1
network: {name: n, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: hub.example-vpn.dev}
  a: {nat: symmetric}
  b: {nat: symmetric}
  c: {nat: symmetric}
policies:
  - {from: a, to: b, allow: tcp/22}
"""


def test_pairs_that_policies_keep_apart_are_not_drawn() -> None:
    """Packets would find a way, and the relay drops them."""
    drawn = picture(policy_network(POLICIES).plan)
    names = [node.name for node in drawn.nodes]
    assert [(names[a], names[b]) for a, b in drawn.bounced] == [("a", "b")]
    assert "carries 1 pair" in drawn.nodes[names.index("hub")].badges
    assert picture(star()).reach is None
