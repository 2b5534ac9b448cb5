from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.engine.io.netlink import LinkMonitor, LinkState, link_state, parse_changes


def message(kind: int, index: int, flags: int, mtu: int | None) -> bytes:
    """One rtnetlink link message as the kernel lays it out."""
    attributes = struct.pack("=HH", 8, 3) + b"lo\0\0"
    if mtu is not None:
        attributes += struct.pack("=HHI", 8, 4, mtu)
    body = struct.pack("=BxHiII", 0, 1, index, flags, 0) + attributes
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def test_the_last_word_on_our_interface_counts() -> None:
    data = message(16, 7, 1, 1420) + message(16, 8, 1, 1500) + message(16, 7, 0, 1300)

    assert parse_changes(data, 7) == LinkState(up=False, mtu=1300)
    assert parse_changes(data, 8) == LinkState(up=True, mtu=1500)
    assert parse_changes(data, 9) is None


def test_deletion_is_final() -> None:
    data = message(17, 7, 0, None) + message(16, 7, 1, 1420)

    assert parse_changes(data, 7) == LinkState(up=False, mtu=0, gone=True)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    state = parse_changes(data, 1)

    assert state is None or state.mtu >= 0


def test_the_loopback_interface_is_up() -> None:
    state = link_state("lo")

    assert state.mtu >= 1500
    assert not state.gone


def test_an_interface_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(OSError, match="No such device"):
        link_state("meshc-none")


def test_a_monitor_without_news_says_so() -> None:
    monitor = LinkMonitor("lo")

    assert monitor.fileno() >= 0
    assert monitor.changes() is None
    monitor.close()


def test_lost_messages_are_made_up_for_by_asking() -> None:
    monitor = LinkMonitor("lo")

    assert monitor._ask() == link_state("lo")
    monitor._index += 1000
    assert monitor._ask().gone
    monitor.close()
    assert socket.if_nametoindex("lo") > 0
