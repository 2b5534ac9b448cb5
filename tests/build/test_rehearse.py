"""A build without its keys."""

from __future__ import annotations

from meshc.build.rehearse import rehearse
from meshc.diagnostics import Diagnostics
from meshc.errors import Refused
from meshc.keys import PublicKey
from meshc.topology.language.load import load_spec
from meshc.topology.planner.addressing.lock import Lock, LockedNode
from meshc.topology.planner.analysis import analyse

TEXT = (
    "meshc: 1\nnetwork: {name: demo, addresses: 10.44.0.0/24}\n"
    "nodes:\n  hub: {role: relay, endpoint: hub.demo-vpn.net}\n"
    "  a: {private_key_file: /etc/wireguard/key}\n"
)
KEY = PublicKey.parse("hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=")


def codes(lock: Lock) -> list[str]:
    diagnostics = Diagnostics()
    spec = load_spec(TEXT, file="f.yaml", diagnostics=diagnostics)
    assert spec is not None
    try:
        rehearse(analyse(spec, lock, diagnostics), lock, diagnostics)
    except Refused as refused:
        diagnostics.extend(refused.diagnostics)
    return [found.code for found in diagnostics]


def test_a_key_that_nobody_knows_is_found() -> None:
    assert codes(Lock()) == ["E352"]


def test_the_lock_knows_public_keys() -> None:
    assert codes(Lock(nodes={"a": LockedNode((), None, KEY)})) == []
