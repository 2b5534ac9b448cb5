"""The configuration protocol: every key, every refusal, and text as `wg` writes and reads it."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.engine.proto.drop_reason import ConfigError
from meshc.engine.proto.status import DeviceStatus, PeerStatus
from meshc.engine.proto.uapi import format_get, parse_endpoint, parse_set
from meshc.engine.proto.udp_path import UdpPath
from meshc.engine.proto.update import DeviceUpdate, PeerUpdate
from meshc.keys import PresharedKey, PrivateKey
from meshc.prefixes import Prefix

K1, K2, K3 = (digits * 32 for digits in ("11", "22", "33"))
RAW1, RAW2, RAW3 = (bytes.fromhex(text) for text in (K1, K2, K3))

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
                public_key=RAW2,
                preshared_key=PresharedKey(RAW3),
                endpoint=UdpPath("abcd:23::33", 51820),
                persistent_keepalive_interval=25,
                replace_allowed_ips=True,
                allowed_ips=(
                    (True, Prefix.parse("192.168.4.4/32")),
                    (True, Prefix.parse("fd00::/64")),
                ),
            ),
            PeerUpdate(
                public_key=RAW3,
                update_only=True,
                endpoint=UdpPath("182.122.22.19", 3233),
                allowed_ips=(
                    (False, Prefix.parse("10.0.0.0/8")),
                    (True, Prefix.parse("0.0.0.0/0")),
                ),
            ),
            PeerUpdate(public_key=RAW1, remove=True),
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
    assert parse_set(text).peers[0].allowed_ips == ((True, Prefix.parse("10.1.0.0/16")),)


def test_endpoints():
    assert parse_endpoint("[::ffff:192.0.2.1]:7") == UdpPath("192.0.2.1", 7)
    assert parse_endpoint("[fe80::1%4]:7") == UdpPath("fe80::1", 7, 4)
    assert parse_endpoint("[fe80::1%eth0]:7", {"eth0": 9}.__getitem__) == UdpPath("fe80::1", 7, 9)

    def missing(name: str) -> int:
        raise OSError(name)

    for scope_index in (None, missing):
        with pytest.raises(ConfigError):
            parse_endpoint("[fe80::1%eth0]:7", scope_index)


def test_get_is_what_wg_reads():
    peer = PeerStatus(
        public_key=RAW2,
        preshared_key=PresharedKey(RAW3),
        endpoint=UdpPath("2001:db8::1", 51820),
        persistent_keepalive_interval=25,
        last_handshake=1_700_000_000_000_000_007,
        rx_bytes=5,
        tx_bytes=6,
        allowed_ips=(Prefix.parse("10.0.0.2"), Prefix.parse("fd00::/64")),
        roamed=0,
        staged=0,
    )
    silent = peer._replace(public_key=RAW3, endpoint=None, last_handshake=0, allowed_ips=())
    status = DeviceStatus(
        private_key=PrivateKey(RAW1),
        public_key=RAW1,
        listen_port=51820,
        fwmark=51,
        under_load=False,
        drops={},
        peers=(peer, silent),
    )
    assert format_get(status) == (
        f"private_key={K1}\nlisten_port=51820\nfwmark=51\n"
        f"public_key={K2}\npreshared_key={K3}\nprotocol_version=1\n"
        "endpoint=[2001:db8::1]:51820\n"
        "last_handshake_time_sec=1700000000\nlast_handshake_time_nsec=7\n"
        "tx_bytes=6\nrx_bytes=5\npersistent_keepalive_interval=25\n"
        "allowed_ip=10.0.0.2/32\nallowed_ip=fd00::/64\n"
        f"public_key={K3}\npreshared_key={K3}\nprotocol_version=1\n"
        "last_handshake_time_sec=0\nlast_handshake_time_nsec=0\n"
        "tx_bytes=6\nrx_bytes=5\npersistent_keepalive_interval=25\n"
    )


def test_a_fresh_device_has_an_empty_body():
    assert format_get(DeviceStatus(None, None, 0, 0, False, {}, ())) == ""


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
