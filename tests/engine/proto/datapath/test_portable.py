from __future__ import annotations

from meshc.engine.proto.datapath import Arena
from meshc.engine.proto.datapath.portable import PortableDataPath
from meshc.engine.proto.datapath.segment import Segmentation
from meshc.engine.proto.datapath.session_keys import PortableSealingKey
from tests.support.packets import super_packet, tcp


def test_a_last_segment_as_long_as_the_others_once_padded_is_one_of_them() -> None:
    packet, vnet = super_packet(tcp(bytes(1000 * 9 + 995)), 1000)
    gso = Segmentation.of(memoryview(packet), vnet)
    assert gso is not None

    split = PortableDataPath().split_seal(
        PortableSealingKey(bytes(32), 7), memoryview(packet), gso, 1420, Arena(20_000), 0, 0
    )

    assert split == (10, 1040 + 32, 0)


def test_a_super_packet_of_one_short_segment_is_one_datagram() -> None:
    packet, vnet = super_packet(tcp(bytes(100)), 1000)
    gso = Segmentation.of(memoryview(packet), vnet)
    assert gso is not None

    split = PortableDataPath().split_seal(
        PortableSealingKey(bytes(32), 7), memoryview(packet), gso, 1420, Arena(2_000), 0, 0
    )

    assert split == (1, 144 + 32, 0)
