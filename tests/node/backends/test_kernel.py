"""The kernel's chunks joined, and its messages cut to size; the rest is in `kernel/`."""

from __future__ import annotations

import socket
from base64 import b64encode
from typing import Any

from meshc.keys import PresharedKey, PrivateKey, PublicKey, encode
from meshc.node.backends.kernel import _device, _peer_messages
from meshc.prefixes import Prefix
from meshc.wg.device_values import PeerState, PeerUpdate
from meshc.wg.endpoint import Endpoint

A, B = PublicKey(encode(b"a" * 32)), PublicKey(encode(b"b" * 32))


class Message:
    """As pyroute2's messages: attributes by name."""

    def __init__(self, **attributes: Any) -> None:
        self.attributes = attributes

    def get_attr(self, name: str) -> Any:
        return self.attributes.get(name.split("_A_")[1])


def prefix_message(text: str) -> Message:
    prefix = Prefix.parse(text)
    family = socket.AF_INET if prefix.family == 4 else socket.AF_INET6
    raw = prefix.value.to_bytes(4 if prefix.family == 4 else 16, "big")
    return Message(FAMILY=family, IPADDR=raw.hex(":"), CIDR_MASK=prefix.length)


def peer_message(raw: bytes, *prefixes: str, **more: Any) -> Message:
    return Message(
        PUBLIC_KEY=b64encode(raw),
        ALLOWEDIPS=[prefix_message(text) for text in prefixes],
        **more,
    )


def test_a_peer_cut_between_chunks_is_one_peer() -> None:
    first = Message(
        PRIVATE_KEY=b64encode(b"k" * 32),
        LISTEN_PORT=51820,
        FWMARK=7,
        PEERS=[
            peer_message(
                b"a" * 32,
                "10.0.0.0/8",
                PRESHARED_KEY=b64encode(b"s" * 32),
                ENDPOINT={"addr": "192.0.2.1", "port": 9},
                PERSISTENT_KEEPALIVE_INTERVAL=25,
                LAST_HANDSHAKE_TIME={"tv_sec": 100, "tv_nsec": 500_000_000},
                RX_BYTES=1,
                TX_BYTES=2,
            )
        ],
    )
    second = Message(
        PEERS=[peer_message(b"a" * 32, "fd00::/8"), peer_message(b"b" * 32, "10.1.0.0/16")]
    )
    device = _device([first, second, Message()])
    assert (device.private_key, device.listen_port, device.fwmark) == (
        PrivateKey(b"k" * 32),
        51820,
        7,
    )
    assert device.peers == (
        PeerState(
            A,
            PresharedKey(b"s" * 32),
            Endpoint("192.0.2.1", 9),
            (Prefix.parse("10.0.0.0/8"), Prefix.parse("fd00::/8")),
            25,
            100_500_000_000,
            1,
            2,
        ),
        PeerState(B, allowed_ips=(Prefix.parse("10.1.0.0/16"),)),
    )


def test_no_key_is_none() -> None:
    zeros = b64encode(bytes(32))
    message = Message(PRIVATE_KEY=zeros, PEERS=[peer_message(b"a" * 32, PRESHARED_KEY=zeros)])
    device = _device([message])
    assert device.private_key is None
    assert device.peers[0].preshared_key is None


def test_many_prefixes_go_in_several_messages() -> None:
    prefixes = tuple(Prefix(4, number << 8, 24) for number in range(1201))
    update = PeerUpdate(A, keepalive=5, allowed_ips=prefixes, replace_allowed_ips=True)
    messages = list(_peer_messages(update))
    assert [len(message["allowed_ips"]) for message in messages] == [500, 500, 201]
    assert [message.get("replace_allowed_ips", False) for message in messages] == [
        True,
        False,
        False,
    ]
    sent = [text for message in messages for text in message["allowed_ips"]]
    assert sent == list(map(str, prefixes))
    assert list(_peer_messages(PeerUpdate(A, remove=True))) == [
        {"public_key": str(A), "remove": True}
    ]
