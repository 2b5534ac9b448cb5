"""The difference between a file's peers and a device's, against a model of a device."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshc.keys import PresharedKey, PublicKey, encode
from meshc.node.system.wireguard import (
    NO_PRESHARED_KEY,
    PeerSet,
    PeerWish,
    peer_changes,
    short,
    wishes,
)
from meshc.prefixes import Prefix
from meshc.wg.conf import PeerConf
from meshc.wg.device_values import DeviceState, PeerState, PeerUpdate
from meshc.wg.endpoint import Endpoint

KEYS = [PublicKey(encode(bytes([number]) * 32)) for number in range(1, 6)]
PREFIXES = [Prefix(4, 0x0A000000 + (number << 8), 24) for number in range(6)]
SECRETS = [None, PresharedKey(b"a" * 32), PresharedKey(b"b" * 32)]
ENDPOINTS = [None, Endpoint("192.0.2.1", 1), Endpoint("192.0.2.2", 2)]


@st.composite
def assignments(draw: st.DrawFn) -> dict[PublicKey, tuple[Prefix, ...]]:
    """Some peers, and each prefix with one of them at most."""
    present = draw(st.lists(st.sampled_from(KEYS), unique=True))
    owners = [draw(st.sampled_from([None, *present])) for _ in PREFIXES]
    return {
        key: tuple(p for p, owner in zip(PREFIXES, owners, strict=True) if owner == key)
        for key in sorted(present)
    }


@st.composite
def devices(draw: st.DrawFn) -> DeviceState:
    return DeviceState(
        peers=tuple(
            PeerState(
                key,
                draw(st.sampled_from(SECRETS)),
                draw(st.sampled_from(ENDPOINTS)),
                prefixes,
                draw(st.sampled_from([0, 25])),
                last_handshake=10**12,
            )
            for key, prefixes in draw(assignments()).items()
        )
    )


@st.composite
def wanted(draw: st.DrawFn) -> tuple[PeerWish, ...]:
    return tuple(
        PeerWish(
            key,
            "peer",
            draw(st.sampled_from(SECRETS)),
            draw(st.sampled_from(ENDPOINTS)),
            draw(st.booleans()),
            prefixes,
            draw(st.sampled_from([0, 25])),
        )
        for key, prefixes in draw(assignments()).items()
    )


def play(device: DeviceState, updates: list[PeerUpdate]) -> DeviceState:
    """What a WireGuard does with updates (the xplatform page), the plain way."""
    peers = {peer.public_key: peer for peer in device.peers}
    for update in updates:
        key = update.public_key
        if update.remove:
            peers.pop(key, None)
            continue
        peer = peers.get(key, PeerState(key))
        if update.preshared_key is not None:
            gone = update.preshared_key == NO_PRESHARED_KEY
            peer = peer._replace(preshared_key=None if gone else update.preshared_key)
        if update.endpoint is not None:
            peer = peer._replace(endpoint=update.endpoint)
        if update.keepalive is not None:
            peer = peer._replace(keepalive=update.keepalive)
        kept = () if update.replace_allowed_ips else peer.allowed_ips
        for other, state in peers.items():
            left = tuple(p for p in state.allowed_ips if p not in update.allowed_ips)
            peers[other] = state._replace(allowed_ips=left)
        peers[key] = peer._replace(allowed_ips=tuple(sorted({*kept, *update.allowed_ips})))
    return DeviceState(peers=tuple(peers[key] for key in sorted(peers)))


@given(device=devices(), wishes=wanted())
def test_the_changes_make_the_device_what_the_file_says(
    device: DeviceState, wishes: tuple[PeerWish, ...]
) -> None:
    changes = peer_changes("wg0", wishes, device)
    after = play(device, [change.update for change in changes])
    assert [peer.public_key for peer in after.peers] == [wish.public_key for wish in wishes]
    for wish, peer in zip(wishes, after.peers, strict=True):
        before = device.peer(wish.public_key)
        assert peer.preshared_key == wish.preshared_key
        assert peer.allowed_ips == wish.allowed_ips
        assert peer.keepalive == wish.keepalive
        learned = before.endpoint if before else None
        meant = learned if learned is not None and not wish.moved else wish.endpoint or learned
        assert peer.endpoint == meant
    again = tuple(
        PeerWish(
            w.public_key, w.name, w.preshared_key, w.endpoint, False, w.allowed_ips, w.keepalive
        )
        for w in wishes
    )
    assert peer_changes("wg0", again, after) == ()


@given(device=devices(), wishes=wanted())
def test_reversed_changes_restore_the_device(
    device: DeviceState, wishes: tuple[PeerWish, ...]
) -> None:
    written: list[PeerUpdate] = []

    class Recorder:
        class backend:
            @staticmethod
            def write(interface: str, update: object) -> None:
                written.extend(update.peers)  # type: ignore[attr-defined]

    changes = peer_changes("wg0", wishes, device)
    for change in reversed(changes):
        change.reverse(Recorder())  # type: ignore[arg-type]
    after = play(device, [change.update for change in changes])
    back = play(after, written)
    for peer in device.peers:
        state = back.peer(peer.public_key)
        assert state is not None
        assert state.allowed_ips == peer.allowed_ips
        assert state.preshared_key == peer.preshared_key
    assert [p.public_key for p in back.peers] == [p.public_key for p in device.peers]


def test_an_unchanged_peer_is_not_touched() -> None:
    state = PeerState(KEYS[0], SECRETS[1], ENDPOINTS[1], (PREFIXES[0],), 25)
    wish = PeerWish(KEYS[0], "a", SECRETS[1], ENDPOINTS[2], False, (PREFIXES[0],), 25)
    assert peer_changes("wg0", (wish,), DeviceState(peers=(state,))) == ()


def test_the_probe_address_of_an_agent_is_no_difference_to_the_file() -> None:
    probe = Prefix.parse("fe80::1/128")
    state = PeerState(KEYS[0], None, None, (PREFIXES[0], probe), 25)
    wish = PeerWish(KEYS[0], "a", allowed_ips=(PREFIXES[0],), keepalive=25)
    assert peer_changes("wg0", (wish,), DeviceState(peers=(state,))) == ()
    more = wish.__class__(KEYS[0], "a", allowed_ips=(PREFIXES[0], PREFIXES[1]), keepalive=25)
    (found,) = peer_changes("wg0", (more,), DeviceState(peers=(state,)))
    assert found.update == PeerUpdate(KEYS[0], allowed_ips=(PREFIXES[1],)), "it stays"


def test_a_prefix_on_two_peers_belongs_to_the_last() -> None:
    def conf(key: PublicKey, prefixes: tuple[Prefix, ...]) -> PeerConf:
        return PeerConf(key, None, prefixes, None, None, "", 1)

    peers = (conf(KEYS[0], (PREFIXES[0], PREFIXES[1])), conf(KEYS[1], (PREFIXES[0],)))
    found = wishes(peers, names={KEYS[1]: "bob"}, resolved={}, applied={})
    assert [(w.name, w.allowed_ips) for w in found] == [
        (short(KEYS[0]), (PREFIXES[1],)),
        ("bob", (PREFIXES[0],)),
    ]


def test_descriptions_hold_no_secret() -> None:
    secret = SECRETS[1]
    assert secret is not None
    update = PeerUpdate(KEYS[0], preshared_key=secret, allowed_ips=(PREFIXES[0],))
    change = PeerSet("wg0", "bob", update)
    assert secret.reveal() not in change.describe() + repr(change)
    assert "preshared key" in change.describe()
