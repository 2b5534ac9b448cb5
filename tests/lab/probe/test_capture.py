from __future__ import annotations

import io
import socket
import struct
import threading
import time

from meshc.lab.probe.capture import LINKTYPE_RAW, file_header, record, write_packets


def test_the_file_header_is_that_of_a_pcap_file() -> None:
    expected = (0xA1B2C3D4, 2, 4, 0, 0, 262_144, LINKTYPE_RAW)
    assert expected == struct.unpack("=IHHiIII", file_header(LINKTYPE_RAW))


def test_a_record_holds_time_and_length() -> None:
    assert struct.unpack_from("=IIII", record(b"abc", 10.25)) == (10, 250_000, 3, 3)
    assert record(b"abc", 10.25)[16:] == b"abc"


def test_it_ends_in_time_also_when_packets_never_stop() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    stop = threading.Event()

    def flood() -> None:
        while not stop.is_set():
            try:
                theirs.send(b"packet")
            except OSError:
                return  # full, or the listener is gone

    sender = threading.Thread(target=flood)
    with ours, theirs:
        theirs.settimeout(1.0)
        sender.start()
        begun = time.monotonic()
        try:
            count = write_packets(Tap(ours), io.BytesIO(), seconds=0.2, packets=None)  # type: ignore[arg-type]
        finally:
            stop.set()
            ours.close()
            sender.join()
    assert count > 0
    assert time.monotonic() - begun < 30


class Tap:
    """A socket of another kind that says it is on an Ethernet."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.settimeout = sock.settimeout
        self.recv = sock.recv

    def getsockname(self) -> tuple[str, int, int, int]:
        return ("eth0", 0, 0, 1)
