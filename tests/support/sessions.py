"""Keypairs that fit each other, without a handshake."""

from __future__ import annotations

from meshc.engine.proto.keypair import Keypair

INDEX_A, INDEX_B = 0x1111, 0x2222


def keypairs(birthday: float = 0.0) -> tuple[Keypair, Keypair]:
    """Two ends of one session; what the first seals the second opens, and back."""
    keys = bytes(range(32)), bytes(range(32, 64))
    ours = Keypair(
        send_key=keys[0],
        receive_key=keys[1],
        local_index=INDEX_A,
        remote_index=INDEX_B,
        is_initiator=True,
        birthday=birthday,
    )
    theirs = Keypair(
        send_key=keys[1],
        receive_key=keys[0],
        local_index=INDEX_B,
        remote_index=INDEX_A,
        is_initiator=False,
        birthday=birthday,
    )
    return ours, theirs
