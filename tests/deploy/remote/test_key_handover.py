"""A peer's new key takes over the prefixes of the old one with its first session."""

from __future__ import annotations

import base64

import pytest

from meshc.deploy.protocol import RunningInterface, RunningPeer
from meshc.deploy.remote import key_handover
from meshc.deploy.remote.base import Refusal
from meshc.keys import PrivateKey

A, B, C = (base64.b64encode(bytes([n]) * 32).decode() for n in range(3))
PEER = """\
Peer]
# Name = leaf
PublicKey = {key}
PresharedKey = {psk}
AllowedIPs = 10.44.0.2/32, FD00::2/128
AllowedIPs = 10.9.0.0/16
PersistentKeepalive = 25
"""


def test_a_section_says_what_wg_would_show() -> None:
    found = key_handover._section(PEER.format(key=A, psk=B))
    assert found.key == A
    assert found.psk == B
    assert found.prefixes == ("10.44.0.2/32", "fd00::2/128", "10.9.0.0/16")
    assert found.keepalive == "25"


def test_what_is_no_prefix_is_refused() -> None:
    with pytest.raises(Refusal, match="not a prefix"):
        key_handover._section(PEER.format(key=A, psk=B).replace("10.9.0.0/16", "; reboot"))


def test_heirs_are_new_and_get_what_belongs_to_one_that_goes() -> None:
    """Neither a peer that is merely new, nor one that takes something from a peer that stays."""
    new, other = key_handover._section(PEER.format(key=B, psk=C)), "10.44.0.9/32"
    stranger = new._replace(key=C, prefixes=(other,))
    gone = {A: RunningPeer(("10.44.0.2/32", "10.44.0.7/32"))}
    stays = {C: RunningPeer((other, "10.44.0.2/32"))}
    # what an agent has moved to it since comes along
    heirs = key_handover._heirs([new, stranger], RunningInterface(peers=gone))
    assert heirs == {B: new._replace(prefixes=("10.44.0.2/32", "10.44.0.7/32"))}
    assert not key_handover._heirs([new, stranger], RunningInterface(peers=stays))
    assert not key_handover._heirs([new], RunningInterface(peers={**gone, B: RunningPeer()}))


def test_the_key_of_this_node_is_told_by_its_public_half() -> None:
    key = PrivateKey.generate()
    assert key_handover._public(key.reveal()) == str(key.public_key())
