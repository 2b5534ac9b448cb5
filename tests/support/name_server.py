"""A name server that knows one name: `vpn.example` has the IPv4 address that stands in a file."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.netns import Namespace

NAME = "vpn.example"
_SERVER = """
import socket, struct, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind((sys.argv[1], 53))
print("ready", flush=True)
while True:
    asked, sender = sock.recvfrom(512)
    ours = b"\\x03vpn\\x07example" in asked and asked[-3:-2] == b"\\x01"
    address = bytes(map(int, open(sys.argv[2]).read().split(".")))
    record = b"\\xc0\\x0c" + struct.pack("!HHIH", 1, 1, 1, 4) + address
    head = asked[:2] + struct.pack("!5H", 0x8180, 1, int(ours), 0, 0)
    sock.sendto(head + asked[12:] + record * ours, sender)
"""


@contextlib.contextmanager
def name_server(there: Namespace, at: str, file: Path) -> Iterator[None]:
    """It answers at the address `at` of a namespace while the block runs."""
    server = there.start(sys.executable, "-c", _SERVER, at, str(file), stdout=subprocess.PIPE)
    with server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            yield
        finally:
            server.kill()
