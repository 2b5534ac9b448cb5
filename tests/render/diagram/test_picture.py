"""The picture holds what the plan holds: links, and the path of every pair."""

from __future__ import annotations

from pathlib import Path

from meshc.build.pipeline import plan_file
from meshc.render.diagram.picture import LONGEST_BADGE, NodeKind, picture
from meshc.render.diagram.placement import layout
from meshc.render.diagram.svg import edges
from tests.support.plans import star
from tests.support.policy_networks import policy_network
from tests.support.workspaces import write_topology

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


AGENTS = """
meshc: 1
network: {name: office, addresses: 10.44.0.0/24, agent: true}
nodes:
  relay1: {role: relay, endpoint: relay1.example-vpn.dev}
  relay2: {role: relay, endpoint: relay2.example-vpn.dev}
  desk: {nat: port_restricted}
  laptop: {nat: port_restricted}
"""


def test_what_only_agents_may_find_is_no_link(tmp_path: Path) -> None:
    """Their files hold a session that nobody begins: the pair is bounced until they meet."""
    plan = plan_file(write_topology(tmp_path, AGENTS))
    drawn = picture(plan)
    names = [node.name for node in drawn.nodes]
    pair = (names.index("desk"), names.index("laptop"))
    assert any(peer.maybe for peer in plan.nodes["desk"].peers)
    assert pair not in drawn.links
    assert pair in drawn.bounced
    assert "may find direct paths with laptop" in drawn.nodes[pair[0]].notes


def test_a_relay_that_waits_is_drawn_as_one(tmp_path: Path) -> None:
    drawn = picture(plan_file(write_topology(tmp_path, AGENTS)))
    kinds = {edge.title: edge.kind for edge in edges(drawn, layout(drawn), bounced=False)}
    waiting = [title for title, kind in kinds.items() if kind == "standby"]
    assert len(waiting) == 2, "each leaf has one home and one relay that waits"
    assert all(title.endswith("for when its relay dies") for title in waiting)
    assert len(kinds) == 5


def test_groups_stand_in_a_box_and_long_lists_are_cut(tmp_path: Path) -> None:
    text = AGENTS + "groups: {a: [desk], an-extraordinarily-long-name-of-a-group: [desk]}\n"
    drawn = picture(plan_file(write_topology(tmp_path, text)))
    (desk,) = (node for node in drawn.nodes if node.name == "desk")
    (badge,) = (badge for badge in desk.badges if badge.startswith("in "))
    assert len(badge) == LONGEST_BADGE
    assert badge.startswith("in a, an-extra")
    assert badge.endswith("…")
