"""Where a key that is nobody's any more is still let in, until the last node that had it was
reached."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from meshc.build.key_management import managed_keys
from meshc.build.pipeline import compare_file, compile_file
from meshc.deploy.deploy_journal import DepartedKey, DeployJournal, read_journal, write_journal
from meshc.deploy.live_keys import Departure, LiveKey, live_keys, not_known_gone, still_live
from meshc.deploy.plan.surroundings import begin, keep, surroundings
from meshc.deploy.plan.target import targets
from meshc.deploy.protocol import RunningPeer
from meshc.deploy.rollout import roll_out
from meshc.keys import PrivateKey
from meshc.topology.planner.addressing.lock import Lock, LockedNode
from tests.support.fakenode import LOST
from tests.support.remembering_nodes import RememberingNodes

KEYS = [PrivateKey(bytes([number]) * 32).public_key() for number in range(4)]
GONE = tuple(f"leaf{number}" for number in range(10))
STAYS = ("hub", "nas", "desk")


def test_why_a_key_is_nobodys_and_where_it_was_seen() -> None:
    """A revoked key that somebody put back by hand is seen without any journal."""
    lock = Lock(revoked=(KEYS[0],), removed={"old": LockedNode(public_key=KEYS[1], removed=3)})
    gone = {str(KEYS[2]): DepartedKey("hub", ("nas", "desk"))}
    seen = {"nas": [str(key) for key in KEYS]}
    keys = {"hub": str(KEYS[3])}
    found = live_keys(DeployJournal(gone=gone), lock, keys, seen)
    assert found == [
        LiveKey("", str(KEYS[0]), Departure.REVOKED, ("nas",), ()),
        LiveKey("hub", str(KEYS[2]), Departure.REPLACED, ("nas",), ("desk",)),
        LiveKey("old", str(KEYS[1]), Departure.REMOVED, ("nas",), ()),
    ]
    assert found[1].describe() == (
        f"hub: the replaced key {KEYS[2]} is still live on nas; not known to be gone from desk"
    )
    assert not live_keys(DeployJournal(), lock, keys, {})


def write(file: Path, *names: str) -> None:
    leaves = "".join(f"  {name}: {{deploy: {{host: {name}}}}}\n" for name in names)
    file.write_text(
        "meshc: 1\nnetwork: {name: testnet, addresses: [10.44.0.0/24]}\nnodes:\n"
        "  hub: {role: relay, endpoint: 198.51.100.7, deploy: {host: hub}}\n"
        "  desk: {endpoint: 198.51.100.8, deploy: {host: desk}}\n"
        f"  nas: {{deploy: {{host: nas}}}}\n{leaves}"
    )
    compile_file(file)


@pytest.fixture
def net(tmp_path: Path) -> tuple[Path, RememberingNodes]:
    """Thirteen nodes, deployed."""
    file = tmp_path / "mesh.yaml"
    write(file, *GONE)
    nodes = RememberingNodes(*STAYS, *GONE)
    deploy(file, nodes)
    return file, nodes


def asked(file: Path, nodes: RememberingNodes) -> Any:
    result = compare_file(file)
    found = nodes.ask(targets(result, hosts=nodes.hosts))
    return result, found


def deploy(file: Path, nodes: RememberingNodes) -> None:
    result, found = asked(file, nodes)
    around = surroundings(result, whole=True)
    begin(result, around)
    ends = asyncio.run(roll_out(found, nodes, lambda *_: None))
    keep(result, around, [end.node for end in ends if end.good], [])


def test_ten_nodes_leave_and_are_named_until_every_peer_was_reached(
    net: tuple[Path, RememberingNodes],
) -> None:
    """Five are removed, five revoked and removed; the desk does not answer at first."""
    file, nodes = net
    with managed_keys(file) as changes:
        for name in GONE[:5]:
            changes.revoke(name)
    journal = read_journal(file)
    assert journal is not None
    keys = {journal.keys[name]: name for name in GONE}
    write(file)
    emitted = "".join(one.read_text() for one in (file.parent / "build").rglob("wg0.conf"))
    assert not [key for key in keys if key in emitted]

    def named() -> dict[str, tuple[str, ...]]:
        found = still_live(*asked(file, nodes))
        assert {one.why for one in found if one.node in GONE[:5]} <= {Departure.REVOKED}
        assert {one.why for one in found if one.node in GONE[5:]} <= {Departure.REMOVED}
        return {one.node: (*one.on, *(f"({name})" for name in one.unseen)) for one in found}

    # before the deploy: where their peers answer it is seen, where not it is what was deployed;
    # those that left themselves are nobody's to ask any more
    nodes.answers[("desk", "dial")] = LOST
    listed = named()
    assert set(listed) == set(GONE)
    assert all({"hub", "(desk)"} <= set(where) for where in listed.values())
    deploy(file, nodes)
    assert all("hub" not in where and "(desk)" in where for where in named().values())
    assert {one.node for one in not_known_gone(file, {})} >= set(GONE)
    for name in ("hub", "nas"):
        assert not [key for key in keys if key in nodes.memory[name].conf]
    del nodes.answers[("desk", "dial")]
    deploy(file, nodes)
    journal = read_journal(file)
    assert journal is not None
    write_journal(file, journal.without(GONE))  # as when they were taken down
    assert named() == {}
    for name in STAYS:
        assert not [key for key in keys if key in nodes.memory[name].conf]


def test_a_replaced_key_is_named_until_it_is_deployed(net: tuple[Path, RememberingNodes]) -> None:
    file, nodes = net
    with managed_keys(file) as changes:
        (done,) = changes.rotate(["nas"])
    compile_file(file)
    (live,) = still_live(*asked(file, nodes))
    assert (live.node, live.key, live.why) == ("nas", done.before, Departure.REPLACED)
    assert "hub" in live.on
    deploy(file, nodes)
    assert not still_live(*asked(file, nodes))


def test_a_key_that_was_put_back_by_hand_is_seen(net: tuple[Path, RememberingNodes]) -> None:
    file, nodes = net
    with managed_keys(file) as changes:
        (key,) = changes.revoke("leaf0").keys
    compile_file(file)
    deploy(file, nodes)
    assert not still_live(*asked(file, nodes))
    result, found = asked(file, nodes)
    (hub,) = (one for one in found if one.target.name == "hub")
    assert hub.facts is not None
    hub.facts.running.peers[str(key)] = RunningPeer()  # type: ignore[index]
    (live,) = still_live(result, found)
    assert (live.key, live.why, live.on) == (str(key), Departure.REVOKED, ("hub",))
