"""What every machine of the lab serves: a line of TCP that says who answered whom, and on the
public host the DNS of the simulated internet.

The TCP service answers each connection with `{"name": ..., "peer": ...}`: the prober learns which
machine it reached and under which address it was seen there (masquerading shows).
"""

from __future__ import annotations

import json
import selectors
import socket
import struct
from collections.abc import Callable, Iterable, Mapping

from meshc.errors import PrefixFormatError
from meshc.lab.probe import stun
from meshc.lab.probe.listening import Listeners
from meshc.prefixes import parse_address

PORT = 7707
DNS_PORT = 53
# <linux/in.h> IP_FREEBIND, <linux/in6.h> IPV6_FREEBIND
FREEBIND = {
    socket.AF_INET: (socket.IPPROTO_IP, 15),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 78),
}
QUERY_LOG = "/run/lab-dns.log"


class Services:
    """The sockets of one machine and the loop that serves them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.selector = selectors.DefaultSelector()
        listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(("::", PORT))
        listener.listen(512)
        listener.setblocking(False)
        self._add(listener, self._greet)
        Listeners(name, self._add, self._greet)

    def resolve(
        self,
        names: Mapping[str, tuple[str, ...]],
        addresses: Iterable[str],
        anything: tuple[str, ...],
    ) -> None:
        """Serves DNS on these addresses of this machine, which it may get later. Names that are not
        known resolve to `anything`, as a captive wildcard does, so that programs find somebody."""
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            server = socket.socket(family, socket.SOCK_DGRAM)
            # a node has its address in the mesh only when its tunnel is up
            server.setsockopt(*FREEBIND[family], 1)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # beside `Listeners`
            server.bind((address, DNS_PORT))
            server.setblocking(False)
            self._add(server, lambda sock: self._answer(sock, names, anything))

    def reflect(self, addresses: tuple[str, str]) -> None:
        """Serves STUN on two addresses and two ports (see `stun.py`)."""
        sockets: dict[tuple[str, int], socket.socket] = {}
        for address in addresses:
            for port in stun.PORTS:
                server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                server.bind((address, port))
                server.setblocking(False)
                sockets[address, port] = server
        for (address, port), server in sockets.items():
            other_address = addresses[1 - addresses.index(address)]
            other_port = stun.PORTS[1 - stun.PORTS.index(port)]

            def reply(
                sock: socket.socket,
                here: tuple[str, int] = (address, port),
                there: tuple[str, int] = (other_address, other_port),
            ) -> None:
                data, peer = sock.recvfrom(2048)
                asked = stun.parse_request(data)
                if asked is None:
                    return
                change = asked[1]
                at = there[0] if change & stun.CHANGE_ADDRESS else here[0]
                number = there[1] if change & stun.CHANGE_PORT else here[1]
                sockets[at, number].sendto(stun.response(asked[0], *peer), peer)

            self._add(server, reply)

    def serve(self) -> None:
        """Runs until the process is killed."""
        while True:
            for key, _ in self.selector.select():
                key.data(key.fileobj)

    def _add(self, sock: socket.socket, handler: Callable[[socket.socket], None]) -> None:
        self.selector.register(sock, selectors.EVENT_READ, handler)

    def _greet(self, listener: socket.socket) -> None:
        try:
            connection, peer = listener.accept()
        except OSError:
            return  # it went away again: the other side sees that by itself
        address = peer[0].removeprefix("::ffff:")
        with connection:
            connection.setblocking(False)
            try:
                connection.send(json.dumps({"name": self.name, "peer": address}).encode() + b"\n")
            except OSError:
                return

    def _answer(
        self, sock: socket.socket, names: Mapping[str, tuple[str, ...]], anything: tuple[str, ...]
    ) -> None:
        query, peer = sock.recvfrom(4096)
        reply = answer_query(query, names, anything)
        if reply is None:
            return
        with open(QUERY_LOG, "a") as log:
            log.write(f"{peer[0]} {question(query)[0]}\n")
        try:
            sock.sendto(reply, peer)
        except OSError:
            return


A, AAAA = 1, 28


def answer_query(
    query: bytes, names: Mapping[str, tuple[str, ...]], anything: tuple[str, ...] = ()
) -> bytes | None:
    """The reply to one DNS query (RFC 1035 section 4), or None for what is not a query.

    A name that the lab knows has exactly its addresses; any other has `anything`, unless it is
    a single word: a node's name must not be taken for a host on the internet.
    """
    if len(query) < 17 or query[2] & 0x80:
        return None
    try:
        name, kind, end = question(query)
    except (IndexError, UnicodeDecodeError, struct.error):
        return None
    family = {A: 4, AAAA: 6}.get(kind, 0)
    records = []
    for text in names.get(name, anything if "." in name else ()):
        try:
            address = parse_address(text)
        except PrefixFormatError:
            continue
        if address.version == family:
            data = address.packed
            records.append(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 5, len(data)) + data)
    # 0x8580: a response, authoritative, recursion wanted and offered, no error.
    header = query[:2] + struct.pack("!HHHHH", 0x8580, 1, len(records), 0, 0)
    return header + query[12:end] + b"".join(records)


def question(query: bytes) -> tuple[str, int, int]:
    """Name (lower case, no final dot), type, and where the first question ends.

    Raises: IndexError, UnicodeDecodeError or struct.error for what is not well-formed.
    """
    labels = []
    at = 12
    while query[at]:
        size = query[at]
        labels.append(query[at + 1 : at + 1 + size].decode("ascii").lower())
        at += size + 1
    (kind,) = struct.unpack_from("!H", query, at + 1)
    return ".".join(labels), kind, at + 5


def make_query(name: str, kind: int, number: int) -> bytes:
    """A query for one name, as a stub resolver sends it."""
    labels = b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split("."))
    head = struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0)
    return head + labels + b"\0" + struct.pack("!HH", kind, 1)
