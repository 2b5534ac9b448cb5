"""No key material in any text that the engine can make of itself."""

from __future__ import annotations

import base64
import gc

import pytest

from meshc.engine.proto.device import Device
from meshc.engine.proto.keypair import Keypair
from meshc.engine.testing import Network, ipv4_packet
from meshc.errors import ConfigError
from meshc.keys import PresharedKey
from meshc.wg.uapi import parse_set

PSK = PresharedKey(bytes(range(100, 132)))


def reachable(root: object) -> list[object]:
    """Everything of meshc's that hangs on `root`."""
    seen: dict[int, object] = {}
    pending = [root]
    while pending:
        item = pending.pop()
        if id(item) in seen or isinstance(item, type):
            continue
        seen[id(item)] = item
        if (
            type(item).__module__.startswith("meshc.")
            or isinstance(item, (dict, list, tuple, set))
            or hasattr(item, "__self__")
        ):
            pending += gc.get_referents(item)
    return [item for item in seen.values() if type(item).__module__.startswith("meshc.")]


def spellings(secret: bytes) -> list[str]:
    return [
        secret.hex(),
        base64.b64encode(secret).decode()[:40],
        repr(secret)[2:-1],
        str(list(secret))[1:-1],
    ]


@pytest.mark.usefixtures("each_road")
def test_repr_and_str_of_everything_shows_no_secret(monkeypatch):
    secrets = [PSK.raw]

    def watch(self: Keypair, *, send_key: bytes, receive_key: bytes, **rest):
        secrets.extend((send_key, receive_key))
        original(self, send_key=send_key, receive_key=receive_key, **rest)

    original = Keypair.__init__
    monkeypatch.setattr(Keypair, "__init__", watch)
    net = Network()
    a, b = net.add("a", "192.0.2.1"), net.add("b", "192.0.2.2")
    net.peer(a, b, "10.0.0.2/32", endpoint=b.outside, preshared_key=PSK)
    net.peer(b, a, "10.0.0.1/32", endpoint=a.outside, preshared_key=PSK)
    net.inject(a, ipv4_packet("10.0.0.1", "10.0.0.2"))
    texts = []
    for _ in range(4):
        net.run(0.008)
        for node in (a, b):
            (peer,) = node.device.sessions.peers.values()
            secrets += [peer.handshake.chain_key, peer.handshake.hash]
            for item in [*reachable(node.device), node.device.status(), *node.events]:
                texts += [repr(item), str(item), format(item)]
    assert b.delivered
    assert len(secrets) > 10
    assert any("Keypair(" in text for text in texts)
    assert any("redacted" in text for text in texts)
    secrets += [a.private_key.raw, b.private_key.raw]
    whole = "\n".join(texts)
    for secret in filter(None, secrets):
        for spelling in spellings(secret):
            assert spelling not in whole


def test_a_device_says_nothing_of_itself():
    assert "object at" in repr(Network().add("a", "192.0.2.1").device)
    assert Device.__repr__ is object.__repr__


@pytest.mark.parametrize("line", ["private_key={0}0", "{0}", "preshared_key={0}=", "x={0}"])
def test_errors_do_not_quote_the_line(line):
    secret = "c0ffee" * 10 + "beef"
    with pytest.raises(ConfigError) as caught:
        parse_set(line.format(secret))
    error: BaseException | None = caught.value
    while error is not None:
        assert "c0ffee" not in repr(error) + str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
