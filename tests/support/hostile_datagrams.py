"""Datagrams of a session as peers and enemies send them, and the slow way to open them."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from meshc.engine.proto.datapath import single
from meshc.engine.proto.datapath.contract import OpeningKey, SealingKey
from meshc.engine.proto.drop_reason import DropReason
from tests.support.opened import ROUTES, OpenedPackets
from tests.support.packets import tcp, udp

SOURCES = ("10.0.0.1", "10.9.9.9")


def datagrams(key: SealingKey) -> st.SearchStrategy[bytes]:
    """What comes to a session: packets, keepalives, nonsense of the peer's, harmed ones."""

    def made(kind: str, number: int, flip: int) -> bytes:
        if kind == "foreign":
            packet = udp(bytes([number]) * 60, source=SOURCES[1])
        elif kind == "malformed":
            packet = bytes([number]) * 80
        elif kind == "keepalive":
            packet = b""
        else:
            packet = tcp(bytes([number]) * 60, sequence=number * 60)
        sealed = key.seal(packet, 0)
        if kind == "harmed":
            at = 16 + flip % (len(sealed) - 16)
            sealed = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        if kind == "of another session":
            sealed = sealed[:4] + b"else" + sealed[8:]
        return sealed

    kinds = ["packet"] * 6 + ["foreign", "malformed", "keepalive", "harmed", "of another session"]
    return st.builds(made, st.sampled_from(kinds), st.integers(0, 9), st.integers(0, 999))


def one_by_one(key: OpeningKey, run: list[bytes], counts: dict[DropReason, int]) -> Iterator[bytes]:
    """The packets that a run of datagrams holds; what is refused is counted."""
    for datagram in run:
        plain = key.open(datagram)
        if isinstance(plain, DropReason):
            counts[plain] += 1
        elif plain:
            length = single.inner_length(plain, ROUTES, OpenedPackets.OWNER)
            if isinstance(length, DropReason):
                counts[length] += 1
            else:
                yield plain[:length]
