"""The operator who reaches nodes through the mesh does not saw off the branch."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.deploy.plan import inside_ways
from meshc.deploy.plan.cut_off import cut_off
from meshc.deploy.plan.target import Target
from meshc.wg.conf import Conf, parse
from tests.support.deploys import mesh

INSIDE = "address: 10.44.0.99, deploy: {host: 10.44.0.99}"


@pytest.fixture
def hub(tmp_path: Path) -> Target:
    """Of a network with a node `far` that is reached through the tunnels only."""
    return mesh(tmp_path, more=f"  far: {{{INSIDE}}}\n")["hub"]


def conf(target: Target, **lines: str) -> Conf:
    """Its file with other values for these keys, the first time that they are there."""
    text = target.conf.reveal()
    for key, value in lines.items():
        before, _, rest = text.partition(f"{key} = ")
        assert rest, key
        text = f"{before}{key} = {value}\n{rest.partition(chr(10))[2]}"
    return parse(text)


KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


def test_what_both_ends_know_of_cuts_them_off(hub: Target) -> None:
    new = conf(hub)
    for line in ({"PrivateKey": KEY}, {"ListenPort": "7"}, {"Address": "10.99.0.1/32"}):
        assert cut_off(hub, conf(hub, **line), new) == {"far"}, line


def test_another_address_of_the_pool_is_taken_from_it_already(hub: Target) -> None:
    assert cut_off(hub, conf(hub, Address="10.44.0.250/32"), conf(hub)) == frozenset()


def test_the_operators_own_machine_is_an_end_of_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reaches `far` through its own tunnel to the hub, and needs a new file for it as well."""
    monkeypatch.setattr(inside_ways, "_here", lambda address: address == "10.44.0.98")
    more = f"  far: {{{INSIDE}}}\n  desk: {{address: 10.44.0.98}}\n"
    hub = mesh(tmp_path, more=more)["hub"]
    assert cut_off(hub, conf(hub, PrivateKey=KEY), conf(hub)) == {"far", "desk"}


def test_what_concerns_one_end_alone_cuts_nobody_off(hub: Target) -> None:
    new = conf(hub)
    assert cut_off(hub, new, new) == frozenset()
    assert cut_off(hub, None, new) == frozenset(), "nothing ran there yet"
    fewer = parse(hub.conf.reveal().rpartition("[Peer]")[0])
    assert cut_off(hub, fewer, new) == frozenset(), "a node that is new was not reached before"


def test_another_session_with_it_cuts_it_off_and_one_with_others_does_not(hub: Target) -> None:
    """Every peer with another key, one after the other: only one of them is `far`."""
    new = conf(hub)
    found = []
    for peer in new.peers:
        text = hub.conf.reveal().replace(str(peer.public_key), KEY)
        found.append(cut_off(hub, parse(text), new))
    assert sorted(map(sorted, found)) == [[]] * (len(found) - 1) + [["far"]]


def test_a_node_that_nobody_is_behind_may_change_everything(tmp_path: Path) -> None:
    targets = mesh(tmp_path)
    assert cut_off(targets["hub"], conf(targets["hub"], PrivateKey=KEY), conf(targets["hub"])) == (
        frozenset()
    )


def test_a_node_whose_address_nothing_is_sent_to_any_more_is_cut_off(hub: Target) -> None:
    """It moves, and has its old address until it gets its own new file."""
    text = hub.conf.reveal()
    assert "10.44.0.99/32" in text
    old = parse(text.replace("10.44.0.99/32", "10.44.0.98/32"))
    assert cut_off(hub, old, conf(hub)) == {"far"}
    wider = parse(text.replace("10.44.0.99/32", "10.44.0.99/32, 192.168.99.0/24"))
    assert cut_off(hub, wider, conf(hub)) == frozenset(), "a LAN behind it is not the way to it"
