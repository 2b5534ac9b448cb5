from __future__ import annotations

import struct

from meshc.lab.capture import LINKTYPE_RAW, file_header, record


def test_the_file_header_is_that_of_a_pcap_file() -> None:
    expected = (0xA1B2C3D4, 2, 4, 0, 0, 262_144, LINKTYPE_RAW)
    assert expected == struct.unpack("=IHHiIII", file_header(LINKTYPE_RAW))


def test_a_record_holds_time_and_length() -> None:
    assert struct.unpack_from("=IIII", record(b"abc", 10.25)) == (10, 250_000, 3, 3)
    assert record(b"abc", 10.25)[16:] == b"abc"
