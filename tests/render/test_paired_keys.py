"""Every link's key as both of its nodes get it, in whatever order they come."""

from __future__ import annotations

import random

from meshc.keys import LinkKeys, NetworkSecret, PrivateKey
from meshc.render.paired_keys import PairedKeys

SECRET = NetworkSecret(bytes(range(32)))
PUBLIC = {f"n{i}": PrivateKey(bytes([i] * 31 + [64])).public_key() for i in range(12)}


def keys_of(paired: PairedKeys, node: str, peers: list[str]) -> dict[str, bytes]:
    found = paired.of(node, PUBLIC[node].encode(), peers, [PUBLIC[p].encode() for p in peers])
    return dict(zip(peers, found, strict=True))


def test_both_ends_of_every_link_have_its_key_in_any_order() -> None:
    rng = random.Random(1)
    for _ in range(30):
        links = {(a, b) for a in PUBLIC for b in PUBLIC if a < b and rng.random() < 0.6}
        paired = PairedKeys(LinkKeys(SECRET, 3))
        nodes = [*PUBLIC]
        if rng.random() < 0.7:
            rng.shuffle(nodes)
        for node in nodes:
            peers = [p for p in PUBLIC if (node, p) in links or (p, node) in links]
            if rng.random() < 0.5:
                rng.shuffle(peers)
            for peer, key in keys_of(paired, node, peers).items():
                wanted = SECRET.preshared_key(PUBLIC[node], PUBLIC[peer], 3)
                assert key == wanted.reveal().encode()


def test_a_key_is_derived_once_where_all_are_asked_in_the_order_of_their_names() -> None:
    derived: list[int] = []

    class Counting(LinkKeys):
        def all_of(self, own: bytes, peers: object) -> list[bytes]:
            found = super().all_of(own, peers)  # type: ignore[arg-type]
            derived.append(len(found))
            return found

    paired = PairedKeys(Counting(SECRET, 1))
    for node in sorted(PUBLIC):
        keys_of(paired, node, [p for p in sorted(PUBLIC) if p != node])
    assert sum(derived) == len(PUBLIC) * (len(PUBLIC) - 1) // 2
