"""The cross-platform configuration protocol between text and values, as `wg` speaks it over the
socket (https://www.wireguard.com/xplatform/).

`parse_set` reads a whole request before anything is applied: unlike wireguard-go, which applies
line by line, an error leaves no half of a configuration behind. Messages name the line, never
its content, as that may be a key.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EINVAL, EPROTO
from ipaddress import IPv6Address, ip_address

from meshc.engine.proto.drop_reason import ConfigError
from meshc.engine.proto.status import DeviceStatus, PeerStatus
from meshc.engine.proto.udp_path import UdpPath
from meshc.engine.proto.update import DeviceUpdate, PeerUpdate
from meshc.errors import PrefixFormatError
from meshc.keys import KEY_LENGTH, PresharedKey, PrivateKey
from meshc.prefixes import Prefix

_SECOND = 1_000_000_000

ScopeIndex = Callable[[str], int]


def parse_set(text: str, *, scope_index: ScopeIndex | None = None) -> DeviceUpdate:
    """The lines after `set=1`, up to an empty line or the end -> a change.

    `scope_index` turns an interface name in a link-local endpoint into its index.

    Raises: ConfigError (EPROTO for what is no `key=value`, EINVAL for a wrong key or value).
    """
    parser = _SetParser(scope_index)
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        if not line:
            break
        key, equals, value = line.partition("=")
        if not equals:
            raise ConfigError(f"line {number}: not key=value", errno=EPROTO)
        try:
            parser.line(key, value)
        except ConfigError as error:
            raise ConfigError(f"line {number}: {error}", errno=error.errno) from None
    return parser.finish()


def format_get(status: DeviceStatus) -> str:
    """The body of the answer to `get=1`, without `errno=` and the empty line that ends it."""
    lines = []
    if status.private_key is not None:
        lines.append(f"private_key={status.private_key.raw.hex()}")
    if status.listen_port:
        lines.append(f"listen_port={status.listen_port}")
    if status.fwmark:
        lines.append(f"fwmark={status.fwmark}")
    for peer in status.peers:
        _format_peer(peer, lines)
    lines.append("")
    return "\n".join(lines)


class _SetParser:
    """The lines so far: device keys first, then one block of keys per `public_key`."""

    def __init__(self, scope_index: ScopeIndex | None) -> None:
        self._device: dict[str, object] = {}
        self._peers: list[PeerUpdate] = []
        self._peer: dict[str, object] | None = None
        self._allowed_ips: list[tuple[bool, Prefix]] = []
        self._scope_index = scope_index

    def line(self, key: str, value: str) -> None:
        if key == "public_key":
            self._close_peer()
            self._peer = {"public_key": _key(value)}
        elif self._peer is None:
            self._device_line(key, value)
        else:
            self._peer_line(self._peer, key, value)

    def finish(self) -> DeviceUpdate:
        self._close_peer()
        return DeviceUpdate(**self._device, peers=tuple(self._peers))  # type: ignore[arg-type]

    def _close_peer(self) -> None:
        if self._peer is not None:
            allowed_ips = tuple(self._allowed_ips)
            self._peers.append(PeerUpdate(**self._peer, allowed_ips=allowed_ips))  # type: ignore[arg-type]
            self._allowed_ips = []

    def _device_line(self, key: str, value: str) -> None:
        if key == "private_key":
            self._device[key] = PrivateKey(_key(value))
        elif key == "listen_port":
            self._device[key] = _number(value, 0xFFFF)
        elif key == "fwmark":
            self._device[key] = _number(value, 0xFFFFFFFF)
        elif key == "replace_peers":
            self._device[key] = _true(value)
        else:
            raise ConfigError("unknown key of the device", errno=EINVAL)

    def _peer_line(self, peer: dict[str, object], key: str, value: str) -> None:
        if key == "allowed_ip":
            self._allowed_ips.append(_allowed_ip(value))
        elif key in ("remove", "update_only"):
            peer[key] = _true(value)
        elif key == "replace_allowed_ips":
            peer[key] = _true(value)
            # what was listed before this line is replaced as well
            self._allowed_ips.clear()
        elif key == "preshared_key":
            peer[key] = PresharedKey(_key(value))
        elif key == "endpoint":
            peer[key] = parse_endpoint(value, self._scope_index)
        elif key == "persistent_keepalive_interval":
            peer[key] = _number(value, 0xFFFF)
        elif key == "protocol_version":
            if value != "1":
                raise ConfigError("protocol_version must be 1", errno=EINVAL)
        else:
            raise ConfigError("unknown key of a peer", errno=EINVAL)


def parse_endpoint(text: str, scope_index: ScopeIndex | None = None) -> UdpPath:
    """`192.0.2.1:51820` or `[2001:db8::1%eth0]:51820`. Raises: ConfigError."""
    host, colon, port_text = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed:
        host = host[1:-1]
    if not colon or (":" in host) != bracketed:
        raise ConfigError("an endpoint is address:port, IPv6 in brackets", errno=EINVAL)
    host, percent, scope_text = host.partition("%")
    try:
        address = ip_address(host)
    except ValueError:
        raise ConfigError("an endpoint holds a numeric address", errno=EINVAL) from None
    port = _number(port_text, 0xFFFF)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    scope = _scope(scope_text, scope_index) if percent else 0
    return UdpPath(str(address), port, scope)


def _scope(text: str, scope_index: ScopeIndex | None) -> int:
    if text.isascii() and text.isdigit():
        return _number(text, 0xFFFFFFFF)
    if scope_index is None or not text:
        raise ConfigError("the scope of an endpoint is an interface index", errno=EINVAL)
    try:
        return scope_index(text)
    except OSError:
        raise ConfigError("the scope of an endpoint is no interface", errno=EINVAL) from None


def _key(text: str) -> bytes:
    if len(text) != 2 * KEY_LENGTH or not (text.isascii() and text.isalnum()):
        raise ConfigError("a key is 64 hexadecimal digits", errno=EINVAL)
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ConfigError("a key is 64 hexadecimal digits", errno=EINVAL) from None


def _number(text: str, limit: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10) or int(text) > limit:
        raise ConfigError(f"a number from 0 to {limit} is wanted", errno=EINVAL)
    return int(text)


def _true(text: str) -> bool:
    if text != "true":
        raise ConfigError('the only value is "true"', errno=EINVAL)
    return True


def _allowed_ip(text: str) -> tuple[bool, Prefix]:
    """`10.0.0.0/24` adds, `-10.0.0.0/24` takes away."""
    add = not text.startswith("-")
    try:
        return add, Prefix.parse(text if add else text[1:])
    except PrefixFormatError:
        raise ConfigError("an allowed_ip is address/length", errno=EINVAL) from None


def _format_peer(peer: PeerStatus, lines: list[str]) -> None:
    seconds, nanoseconds = divmod(peer.last_handshake, _SECOND)
    lines.append(f"public_key={peer.public_key.hex()}")
    lines.append(f"preshared_key={peer.preshared_key.raw.hex()}")
    lines.append("protocol_version=1")
    if peer.endpoint is not None:
        lines.append(f"endpoint={peer.endpoint}")
    lines.append(f"last_handshake_time_sec={seconds}")
    lines.append(f"last_handshake_time_nsec={nanoseconds}")
    lines.append(f"tx_bytes={peer.tx_bytes}")
    lines.append(f"rx_bytes={peer.rx_bytes}")
    lines.append(f"persistent_keepalive_interval={peer.persistent_keepalive_interval}")
    lines.extend(f"allowed_ip={prefix}" for prefix in peer.allowed_ips)
