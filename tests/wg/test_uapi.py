"""The UAPI text: every key, every refusal, both ways, as `wg` writes and reads it."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.errors import ConfigError
from meshc.keys import PresharedKey, PrivateKey, PublicKey, encode
from meshc.prefixes import Prefix, address_text
from meshc.wg.device_values import DeviceState, DeviceUpdate, PeerState, PeerUpdate
from meshc.wg.endpoint import Endpoint
from meshc.wg.uapi import format_get, format_set, parse_get, parse_set

K1, K2, K3 = (digits * 32 for digits in ("11", "22", "33"))
RAW1, RAW2, RAW3 = (bytes.fromhex(text) for text in (K1, K2, K3))
P1, P2, P3 = (PublicKey(encode(raw)) for raw in (RAW1, RAW2, RAW3))

WHOLE = f"""private_key={K1}
listen_port=12912
fwmark=51
replace_peers=true
public_key={K2}
preshared_key={K3}
endpoint=[abcd:23::33]:51820
persistent_keepalive_interval=25
replace_allowed_ips=true
allowed_ip=192.168.4.4/32
allowed_ip=fd00::1/64
public_key={K3}
update_only=true
protocol_version=1
endpoint=182.122.22.19:3233
allowed_ip=-10.0.0.0/8
allowed_ip=0.0.0.0/0
public_key={K1}
remove=true

ignored after the empty line
"""


def test_every_key_of_set():
    expected = DeviceUpdate(
        private_key=PrivateKey(RAW1),
        listen_port=12912,
        fwmark=51,
        replace_peers=True,
        peers=(
            PeerUpdate(
                P2,
                preshared_key=PresharedKey(RAW3),
                endpoint=Endpoint("abcd:23::33", 51820),
                keepalive=25,
                replace_allowed_ips=True,
                allowed_ips=(Prefix.parse("192.168.4.4/32"), Prefix.parse("fd00::/64")),
            ),
            PeerUpdate(
                P3,
                update_only=True,
                endpoint=Endpoint("182.122.22.19", 3233),
                allowed_ips=(Prefix.parse("0.0.0.0/0"),),
                removed_ips=(Prefix.parse("10.0.0.0/8"),),
            ),
            PeerUpdate(P1, remove=True),
        ),
    )
    assert parse_set(WHOLE) == expected


def test_nothing_is_a_change_of_nothing():
    assert parse_set("") == DeviceUpdate()
    assert parse_set("\n") == DeviceUpdate()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nonsense", errno.EPROTO),
        ("listen_port=65536", errno.EINVAL),
        ("listen_port=-1", errno.EINVAL),
        ("listen_port=0x10", errno.EINVAL),
        ("listen_port=٣", errno.EINVAL),
        ("listen_port=", errno.EINVAL),
        ("fwmark=4294967296", errno.EINVAL),
        ("replace_peers=false", errno.EINVAL),
        ("private_key=00", errno.EINVAL),
        (f"private_key={'zz' * 32}", errno.EINVAL),
        (f"private_key={K1} ", errno.EINVAL),
        (f"private_key={' 1' * 32}", errno.EINVAL),
        ("allowed_ip=10.0.0.0/8", errno.EINVAL),
        ("unknown=1", errno.EINVAL),
        (f"public_key={K1}\nlisten_port=1", errno.EINVAL),
        (f"public_key={K1}\nallowed_ip=10.0.0.0/33", errno.EINVAL),
        (f"public_key={K1}\nallowed_ip=", errno.EINVAL),
        (f"public_key={K1}\nendpoint=example.org:1", errno.EINVAL),
        (f"public_key={K1}\nendpoint=1.2.3.4", errno.EINVAL),
        (f"public_key={K1}\nendpoint=::1:5", errno.EINVAL),
        (f"public_key={K1}\nendpoint=[1.2.3.4]:5", errno.EINVAL),
        (f"public_key={K1}\nendpoint=1.2.3.4:65536", errno.EINVAL),
        (f"public_key={K1}\nprotocol_version=2", errno.EINVAL),
        (f"public_key={K1}\nremove=1", errno.EINVAL),
        (f"public_key={K1}\npersistent_keepalive_interval=65536", errno.EINVAL),
        (f"public_key={K1}\npreshared_key=secret", errno.EINVAL),
    ],
)
def test_refusals_carry_their_errno_and_the_line(text, code):
    with pytest.raises(ConfigError) as caught:
        parse_set(text)
    assert caught.value.errno == code
    assert str(caught.value).startswith(f"line {1 + text.count(chr(10))}:")


def test_refusals_do_not_show_what_the_line_held():
    for line in (f"private_key={K1}{K2}", f"{K1}", f"x{K1}=1", f"preshared_key={K1[:-1]}"):
        with pytest.raises(ConfigError) as caught:
            parse_set(line)
        assert K1[:16] not in str(caught.value)
        assert caught.value.__cause__ is None


def test_replacing_allowed_ips_also_replaces_what_came_before_in_the_block():
    text = (
        f"public_key={K1}\nallowed_ip=10.0.0.0/8\nreplace_allowed_ips=true\nallowed_ip=10.1.0.0/16"
    )
    assert parse_set(text).peers[0].allowed_ips == (Prefix.parse("10.1.0.0/16"),)


@pytest.mark.parametrize(
    ("signs", "added", "removed"),
    [("+", 1, 0), ("-", 0, 1), ("+-", 1, 1), ("-+", 1, 0), ("+-+", 1, 0), ("-+-", 1, 1)],
)
def test_the_last_sign_of_an_allowed_ip_decides(signs: str, added: int, removed: int):
    """Added and then removed it is in both: adding takes it from the peer that has it."""
    lines = [f"allowed_ip={sign.replace('+', '')}10.0.0.0/8" for sign in signs]
    (peer,) = parse_set("\n".join([f"public_key={K1}", *lines])).peers
    assert (len(peer.allowed_ips), len(peer.removed_ips)) == (added, removed)


def endpoint(text: str, scope_index=None) -> Endpoint | None:
    return parse_set(f"public_key={K1}\nendpoint={text}", scope_index=scope_index).peers[0].endpoint


def test_the_zone_of_an_endpoint_becomes_the_index_of_its_interface():
    assert endpoint("[fe80::1%4]:7") == Endpoint("fe80::1%4", 7)
    assert endpoint("[fe80::1%eth0]:7", {"eth0": 9}.__getitem__) == Endpoint("fe80::1%9", 7)

    def missing(name: str) -> int:
        raise OSError(name)

    for scope_index in (None, missing):
        with pytest.raises(ConfigError) as caught:
            endpoint("[fe80::1%eth0]:7", scope_index)
        assert caught.value.errno == errno.EINVAL


def test_get_is_what_wg_reads():
    peer = PeerState(
        P2,
        PresharedKey(RAW3),
        Endpoint("2001:db8::1", 51820),
        (Prefix.parse("10.0.0.2"), Prefix.parse("fd00::/64")),
        keepalive=25,
        last_handshake=1_700_000_000_000_000_007,
        rx_bytes=5,
        tx_bytes=6,
    )
    state = DeviceState(PrivateKey(RAW1), 51820, 51, (peer, PeerState(P3)))
    assert format_get(state) == (
        f"private_key={K1}\nlisten_port=51820\nfwmark=51\n"
        f"public_key={K2}\npreshared_key={K3}\nprotocol_version=1\n"
        "endpoint=[2001:db8::1]:51820\n"
        "last_handshake_time_sec=1700000000\nlast_handshake_time_nsec=7\n"
        "tx_bytes=6\nrx_bytes=5\npersistent_keepalive_interval=25\n"
        "allowed_ip=10.0.0.2/32\nallowed_ip=fd00::/64\n"
        f"public_key={K3}\npreshared_key={'0' * 64}\nprotocol_version=1\n"
        "last_handshake_time_sec=0\nlast_handshake_time_nsec=0\n"
        "tx_bytes=0\nrx_bytes=0\npersistent_keepalive_interval=0\n"
    )


def test_a_fresh_device_has_an_empty_body():
    assert format_get(DeviceState()) == ""


def test_get_is_read_whole():
    text = (
        f"private_key={K1}\nlisten_port=51820\nfwmark=51820\n"
        f"public_key={K3}\npreshared_key={'0' * 64}\nprotocol_version=1\n"
        f"public_key={K2}\npreshared_key={K3}\nsomething_newer=1\n"
        "endpoint=[fe80::1%eth0]:7\nlast_handshake_time_sec=1700000000\n"
        "last_handshake_time_nsec=500000000\ntx_bytes=9\nrx_bytes=8\n"
        "persistent_keepalive_interval=25\nallowed_ip=fd00::/8\nallowed_ip=10.0.0.0/8\n"
        "errno=0\n\n"
    )
    peer = PeerState(
        P2,
        PresharedKey(RAW3),
        Endpoint("fe80::1%eth0", 7),
        (Prefix.parse("10.0.0.0/8"), Prefix.parse("fd00::/8")),
        25,
        1_700_000_000_500_000_000,
        8,
        9,
    )
    assert parse_get(text) == DeviceState(PrivateKey(RAW1), 51820, 51820, (peer, PeerState(P3)))
    assert peer.handshake == 1700000000.5


@pytest.mark.parametrize("text", ["errno=22\n\n", "", "listen_port=1\n\n", "fwmark=x\nerrno=0\n\n"])
def test_an_answer_without_success_is_an_error(text: str):
    with pytest.raises(ConfigError):
        parse_get(text)


RAW = st.binary(min_size=32, max_size=32)
PUBLIC = RAW.map(lambda raw: PublicKey(encode(raw)))
PREFIXES = st.builds(
    lambda family, value, length: Prefix.parse(
        f"{address_text(family, value >> (96 if family == 4 else 0))}/{length}"
    ),
    st.sampled_from((4, 6)),
    st.integers(0, 2**128 - 1),
    st.integers(0, 32),
)
ENDPOINTS = st.builds(
    Endpoint, st.sampled_from(("192.0.2.1", "2001:db8::1", "fe80::1%4")), st.integers(0, 65535)
)
UPDATES = st.builds(
    PeerUpdate,
    PUBLIC,
    st.just(False),
    st.none() | RAW.map(PresharedKey),
    st.none() | ENDPOINTS,
    st.none() | st.integers(0, 65535),
    st.lists(PREFIXES, max_size=4, unique=True).map(tuple),
    st.booleans(),
    st.lists(PREFIXES, max_size=4, unique=True).map(tuple),
    st.booleans(),
)
REMOVALS = PUBLIC.map(lambda key: PeerUpdate(key, remove=True))
STATES = st.builds(
    PeerState,
    PUBLIC,
    st.none() | RAW.filter(any).map(PresharedKey),
    st.none() | ENDPOINTS,
    st.lists(PREFIXES, max_size=4, unique=True).map(lambda found: tuple(sorted(found))),
    st.integers(0, 65535),
    st.integers(0, 2**63),
    st.integers(0, 2**63),
    st.integers(0, 2**63),
)
PORTS, MARKS = st.integers(0, 65535), st.integers(0, 2**32 - 1)


@given(
    st.none() | RAW,
    st.none() | PORTS,
    st.none() | MARKS,
    st.lists(UPDATES | REMOVALS, max_size=4).map(tuple),
    st.booleans(),
)
def test_what_is_set_is_what_is_read(raw, port, mark, peers, replace):
    key = PrivateKey(raw) if raw else None
    update = DeviceUpdate(key, port, mark, peers, replace)
    head, _, body = format_set(update).partition("\n")
    assert head == "set=1"
    assert body.endswith("\n\n") or body == "\n"
    assert parse_set(body) == update


@given(
    RAW.filter(any), PORTS, MARKS, st.lists(STATES, max_size=4, unique_by=lambda p: p.public_key)
)
def test_what_one_side_shows_is_what_the_other_reads(raw, port, mark, peers):
    ordered = tuple(sorted(peers, key=lambda peer: peer.public_key))
    state = DeviceState(PrivateKey(raw), port, mark, ordered)
    assert parse_get(format_get(state) + "errno=0\n\n") == state


def refusal(text: str) -> int | None:
    """The errno of a refusal; None when the text is accepted."""
    try:
        parse_set(text)
    except ConfigError as error:
        return error.errno
    return None


@given(st.text(max_size=300))
def test_any_text_is_parsed_or_refused(text):
    assert refusal(text) in (None, errno.EINVAL, errno.EPROTO)


KEYS = (
    "private_key", "listen_port", "fwmark", "replace_peers", "public_key", "remove", "update_only",
    "preshared_key", "endpoint", "persistent_keepalive_interval", "replace_allowed_ips",
    "allowed_ip", "protocol_version", "errno", "last_handshake_time_sec", "",
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from((K1, K2, "true", "1", "0", "10.0.0.0/8", "-::/0", "1.2.3.4:5", "[::1]:5", "%")),
    st.text(max_size=70),
)


@given(st.lists(st.tuples(st.sampled_from(KEYS), VALUES), max_size=12))
def test_any_lines_are_parsed_or_refused(lines):
    text = "\n".join(f"{key}={value}" for key, value in lines)
    assert refusal(text) in (None, errno.EINVAL, errno.EPROTO)
