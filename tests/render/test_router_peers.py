"""Peers of a router: those of the plan, with the keys of the links, which are never shown."""

from __future__ import annotations

from meshc.render.router_peers import router_peers
from meshc.render.wgquick import render
from meshc.wg.conf import parse
from tests.support.keyed_plans import secrets_of, small_plan


def test_the_keys_are_those_of_the_wg_quick_file() -> None:
    plan = small_plan()
    secrets, hub = secrets_of(plan), plan.nodes["hub"]
    peers = list(router_peers(plan, hub, secrets))
    file = parse(render(plan, hub, secrets)).peers
    assert [peer.public_key for peer in peers] == [str(peer.public_key) for peer in file]
    for peer, same in zip(peers, file, strict=True):
        assert same.preshared_key is not None
        assert peer.preshared_key is not None
        assert peer.preshared_key.reveal() == same.preshared_key.reveal()
        assert same.preshared_key.reveal() not in repr(peer)
