from __future__ import annotations

import errno
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.engine.io.netlink import (
    GETLINK,
    KernelAnswers,
    Message,
    attribute,
    attributes,
    drain,
    messages,
)

_IFNAME = 3


def message(kind: int, body: bytes) -> bytes:
    """One message as the kernel lays it out."""
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body + bytes(-len(body) % 4)


def test_messages_behind_each_other_are_all_found() -> None:
    data = message(16, b"abcde") + message(17, b"") + message(24, b"12345678")

    assert list(messages(data)) == [
        Message(16, b"abcde"),
        Message(17, b""),
        Message(24, b"12345678"),
    ]


@given(st.dictionaries(st.integers(0, 0x3FFF), st.binary(max_size=20), max_size=8))
def test_attributes_come_back_as_they_were_written(values: dict[int, bytes]) -> None:
    assert attributes(b"".join(attribute(*item) for item in values.items())) == values


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    for found in messages(data):
        attributes(found.body)
    attributes(data)


def link(name: str) -> bytes:
    return struct.pack("=BxHiII", 0, 0, 0, 0, 0) + attribute(_IFNAME, name.encode() + b"\0")


def test_the_kernel_answers_one_question_after_the_other() -> None:
    kernel = KernelAnswers()

    for _ in range(3):
        answer = kernel.ask(GETLINK, link("lo"))
        assert struct.unpack_from("=BxHi", answer)[2] == socket.if_nametoindex("lo")
    kernel.close()


def test_a_no_of_the_kernel_is_an_error_and_the_next_answer_is_right() -> None:
    kernel = KernelAnswers()

    with pytest.raises(OSError, match="No such device") as caught:
        kernel.ask(GETLINK, link("meshc-none"))
    assert caught.value.errno == errno.ENODEV
    assert attributes(kernel.ask(GETLINK, link("lo"))[16:])[_IFNAME] == b"lo\0"
    kernel.close()


def test_a_silent_socket_has_no_news_and_has_lost_nothing() -> None:
    with socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
    ) as sock:
        assert drain(sock) == ([], False)
