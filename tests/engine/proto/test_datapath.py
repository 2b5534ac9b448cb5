"""The plain data path: what the fast one is measured against."""

from __future__ import annotations

import struct
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from meshc.engine.proto.allowedips import AllowedIPs
from meshc.engine.proto.datapath import accept_sources, destination_of, open_run, seal, trim
from meshc.engine.proto.errors import DropReason
from meshc.engine.proto.keypair import Keypair
from meshc.engine.testing import ipv4_packet, ipv6_packet
from meshc.prefixes import Prefix


def two_ends() -> tuple[Keypair, Keypair]:
    keys = b"\1" * 32, b"\2" * 32
    first, second = (
        Keypair(
            send_key=keys[not initiator],
            receive_key=keys[initiator],
            local_index=1 + (not initiator),
            remote_index=1 + initiator,
            is_initiator=initiator,
            birthday=0.0,
        )
        for initiator in (True, False)
    )
    return first, second


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=20), st.sampled_from((0, 100, 1420)))
def test_what_is_sealed_opens_to_the_same_with_zero_padding(packets, mtu):
    sender, receiver = two_ends()
    drops: Counter[DropReason] = Counter()
    opened = open_run(receiver, seal(sender, packets, mtu), drops)
    assert drops == {}
    assert sender.send_counter == len(packets)
    for packet, plain in zip(packets, opened, strict=True):
        assert plain == packet + bytes(len(plain) - len(packet))
        limit = mtu if mtu > 0 else len(packet) + 16
        assert len(plain) == len(packet) or len(plain) <= limit
        assert len(plain) % 16 == 0 or len(plain) >= mtu > 0


def test_the_layout_is_that_of_5_4_6():
    sender, _ = two_ends()
    first, second = seal(sender, [b"x" * 16, b""], 0)
    assert first[:16] == struct.pack("<IIQ", 4, 2, 0)
    assert second[:16] == struct.pack("<IIQ", 4, 2, 1)
    assert (len(first), len(second)) == (48, 32)


def test_replays_and_forgeries_are_counted_and_the_rest_goes_on():
    sender, receiver = two_ends()
    first, second, third = seal(sender, [b"1" * 16, b"2" * 16, b"3" * 16], 0)
    forged = second[:-1] + bytes([second[-1] ^ 1])
    drops: Counter[DropReason] = Counter()
    opened = open_run(receiver, [memoryview(first), first, forged, third], drops)
    assert opened == [b"1" * 16, b"3" * 16]
    assert drops == {DropReason.REPLAYED: 1, DropReason.BAD_AEAD: 1}
    assert open_run(receiver, [second], drops) == [b"2" * 16], (
        "a forgery does not use up the counter"
    )


def test_trim_cuts_to_the_ip_length():
    for packet in (
        ipv4_packet("10.0.0.1", "10.0.0.2", b"abc"),
        ipv6_packet("fd::1", "fd::2", b"abc"),
    ):
        assert trim(packet + bytes(13)) == packet
        assert trim(packet) is packet
        assert trim(packet[:-1]) is None
    assert trim(b"") is None
    assert trim(b"\x10" * 60) is None
    assert trim(b"\x44" + ipv4_packet("10.0.0.1", "10.0.0.2")[1:]) is None
    assert trim(b"\x46" + ipv4_packet("10.0.0.1", "10.0.0.2")[1:]) is None


@given(st.binary(max_size=100), st.sampled_from((b"", b"\x45", b"\x46", b"\x60")))
def test_trim_and_destination_take_anything(data, first):
    packet = first + data
    trimmed = trim(packet)
    assert trimmed is None or packet.startswith(trimmed)
    if trimmed is not None:
        assert destination_of(trimmed) is not None


def test_sources_are_checked_against_the_owner():
    table: AllowedIPs[str] = AllowedIPs()
    table.insert(Prefix.parse("10.0.0.0/24"), "a")
    table.insert(Prefix.parse("10.0.0.9/32"), "b")
    table.insert(Prefix.parse("fd00::/64"), "a")
    good = [ipv4_packet("10.0.0.1", "1.1.1.1"), ipv6_packet("fd00::1", "fd00::2")]
    bad = [ipv4_packet("10.0.0.9", "1.1.1.1"), ipv4_packet("9.9.9.9", "1.1.1.1")]
    drops: Counter[DropReason] = Counter()
    packets = [good[0], b"", bad[0], good[1], bad[1], b"junk"]
    assert accept_sources("a", packets, table, drops) == good
    assert drops == {DropReason.INNER_SOURCE: 2, DropReason.INNER_MALFORMED: 1}
