"""How an agent is, written down and read back."""

from __future__ import annotations

from pathlib import Path

from meshc.agent.path_status import PathStatus, load_status, path_status, status_file
from tests.support.agent_world import LEAF, AgentWorld
from tests.support.direct_world import DirectWorld


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    status = PathStatus({"r1": "live", "r2": "dead"}, "r1", ("a",), True)
    status.save("wg0", tmp_path)
    assert load_status("wg0", tmp_path) == status
    assert status_file("wg0", tmp_path).stat().st_mode & 0o777 == 0o600
    assert not status.all_live
    assert [path.name for path in tmp_path.iterdir()] == ["wg0.paths"]


def test_it_has_words_for_people() -> None:
    leaf = PathStatus({"r1": "dead", "r2": "live"}, "r2")
    assert leaf.words == "path by r2 (r1 dead, r2 live)"
    relay = PathStatus({"r2": "live"}, leaves=("a", "b"), draining=True)
    assert relay.words == "draining; home of a, b (r2 live)"
    pair = PathStatus({"r1": "live"}, "r1", direct={"b": "direct", "c": "relayed: not tried yet"})
    assert pair.words == "path by r1 (r1 live); b direct, c relayed: not tried yet"
    assert PathStatus({"r2": "live"}).words == "home of nobody (r2 live)"


def test_what_another_version_wrote_is_none(tmp_path: Path) -> None:
    assert load_status("wg0", tmp_path) is None
    for text in ("", "[]", "{}", '{"relays": {}, "leaves": [], "more": 1}'):
        status_file("wg0", tmp_path).write_text(text)
        assert load_status("wg0", tmp_path) is None


def test_a_leaf_says_where_it_lives_and_a_relay_who_lives_with_it() -> None:
    world = AgentWorld(relays=2, leaves=3)
    names = {1: "r1", 2: "r2", LEAF: "a", LEAF + 1: "b", LEAF + 2: "c"}
    world.run(3)
    assert path_status(world.agents[LEAF], names) == PathStatus({"r1": "live", "r2": "live"}, "r1")
    world.power_off(1)
    world.run(8)
    assert path_status(world.agents[LEAF], names) == PathStatus({"r1": "dead", "r2": "live"}, "r2")
    assert path_status(world.agents[2], names) == PathStatus({"r1": "dead"}, "", ("a", "b", "c"))


def test_a_leaf_says_where_the_relays_see_it_and_what_that_means_of_its_nat() -> None:
    world = DirectWorld(2, 2, symmetric=frozenset({LEAF}))
    names = {1: "r1", 2: "r2", LEAF: "a", LEAF + 1: "b"}
    assert path_status(world.agents[LEAF], names).nat == ""
    world.run(5)
    first, second = (path_status(world.agents[leaf], names).nat for leaf in (LEAF, LEAF + 1))
    assert "another port (symmetric)" in first
    assert second.startswith("seen by r")
    assert "symmetric" not in second
