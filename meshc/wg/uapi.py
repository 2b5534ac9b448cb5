"""The cross-platform configuration protocol (UAPI): text and device values, both ways.

As `wg` speaks it with a userspace implementation, https://www.wireguard.com/xplatform/. Pure;
the node's side and the engine's side of the socket move the text.

`parse_set` reads a whole request before anything is applied: unlike wireguard-go, which applies
line by line, an error leaves no half of a configuration behind. Messages name the line, never
its content, as that may be a key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from errno import EINVAL, EPROTO

from meshc.errors import ConfigError, PrefixFormatError
from meshc.keys import KEY_LENGTH, PresharedKey, PrivateKey, PublicKey, encode
from meshc.prefixes import Prefix
from meshc.wg.device_values import DeviceState, DeviceUpdate, PeerState, PeerUpdate
from meshc.wg.endpoint import Endpoint

_SECOND = 1_000_000_000
_NO_KEY = bytes(KEY_LENGTH)

ScopeIndex = Callable[[str], int]


def format_set(update: DeviceUpdate) -> str:
    """The `set=1` transaction of an update, with its empty last line."""
    lines = ["set=1"]
    if update.private_key is not None:
        lines.append(f"private_key={update.private_key.raw.hex()}")
    if update.listen_port is not None:
        lines.append(f"listen_port={update.listen_port}")
    if update.fwmark is not None:
        lines.append(f"fwmark={update.fwmark}")
    if update.replace_peers:
        lines.append("replace_peers=true")
    for peer in update.peers:
        lines.extend(_update_lines(peer))
    return "\n".join(lines) + "\n\n"


def parse_set(text: str, *, scope_index: ScopeIndex | None = None) -> DeviceUpdate:
    """The lines after `set=1`, up to an empty line or the end -> a change.

    `scope_index` turns the interface name in a link-local endpoint into its index.

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


def format_get(state: DeviceState) -> str:
    """The body of the answer to `get=1`, without `errno=` and the empty line that ends it."""
    lines = []
    if state.private_key is not None:
        lines.append(f"private_key={state.private_key.raw.hex()}")
    if state.listen_port:
        lines.append(f"listen_port={state.listen_port}")
    if state.fwmark:
        lines.append(f"fwmark={state.fwmark}")
    for peer in state.peers:
        lines.extend(_state_lines(peer))
    lines.append("")
    return "\n".join(lines)


def parse_get(text: str) -> DeviceState:
    """Reads the answer to `get=1`; peers come sorted by public key, keys that are not known are
    passed over. Raises: ConfigError when it reports an error or is no answer."""
    private: PrivateKey | None = None
    numbers = {"listen_port": 0, "fwmark": 0}
    peers: list[dict[str, list[str]]] = []
    code = "missing"
    for key, value in pairs(text):
        if key == "public_key":
            peers.append({key: [value]})
        elif key == "errno":
            code = value
        elif peers:
            peers[-1].setdefault(key, []).append(value)
        elif key == "private_key":
            raw = _key(value)
            private = PrivateKey(raw) if raw != _NO_KEY else None
        elif key in numbers:
            numbers[key] = _number(value, 0xFFFFFFFF)
    if code != "0":
        raise ConfigError(f"the answer to a read has errno {code}", errno=EPROTO)
    states = sorted((_peer_state(peer) for peer in peers), key=lambda peer: peer.public_key)
    return DeviceState(private, numbers["listen_port"], numbers["fwmark"], tuple(states))


def pairs(text: str) -> Iterator[tuple[str, str]]:
    """The `key=value` lines of an answer."""
    for line in text.split("\n"):
        key, equals, value = line.partition("=")
        if equals:
            yield key, value


def _update_lines(peer: PeerUpdate) -> Iterator[str]:
    yield f"public_key={peer.public_key.raw.hex()}"
    if peer.update_only:
        yield "update_only=true"
    if peer.remove:
        yield "remove=true"
        return
    if peer.preshared_key is not None:
        yield f"preshared_key={peer.preshared_key.raw.hex()}"
    if peer.endpoint is not None:
        yield f"endpoint={peer.endpoint}"
    if peer.keepalive is not None:
        yield f"persistent_keepalive_interval={peer.keepalive}"
    if peer.replace_allowed_ips:
        yield "replace_allowed_ips=true"
    for prefix in peer.allowed_ips:
        yield f"allowed_ip={prefix}"
    for prefix in peer.removed_ips:
        yield f"allowed_ip=-{prefix}"


def _state_lines(peer: PeerState) -> Iterator[str]:
    seconds, nanoseconds = divmod(peer.last_handshake, _SECOND)
    psk = peer.preshared_key
    yield f"public_key={peer.public_key.raw.hex()}"
    yield f"preshared_key={(psk.raw if psk else _NO_KEY).hex()}"
    yield "protocol_version=1"
    if peer.endpoint is not None:
        yield f"endpoint={peer.endpoint}"
    yield f"last_handshake_time_sec={seconds}"
    yield f"last_handshake_time_nsec={nanoseconds}"
    yield f"tx_bytes={peer.tx_bytes}"
    yield f"rx_bytes={peer.rx_bytes}"
    yield f"persistent_keepalive_interval={peer.keepalive}"
    for prefix in peer.allowed_ips:
        yield f"allowed_ip={prefix}"


def _peer_state(values: dict[str, list[str]]) -> PeerState:
    def last(key: str, default: str = "0") -> str:
        return values.get(key, [default])[-1]

    def number(key: str) -> int:
        return _number(last(key), (1 << 64) - 1)

    psk = _key(last("preshared_key", _NO_KEY.hex()))
    endpoint = last("endpoint", "")
    return PeerState(
        PublicKey(encode(_key(last("public_key")))),
        PresharedKey(psk) if psk != _NO_KEY else None,
        _endpoint(endpoint, str) if endpoint else None,
        tuple(sorted(_prefix(item) for item in values.get("allowed_ip", ()))),
        number("persistent_keepalive_interval"),
        number("last_handshake_time_sec") * _SECOND + number("last_handshake_time_nsec"),
        number("rx_bytes"),
        number("tx_bytes"),
    )


class _SetParser:
    """The lines so far: device keys first, then one block of keys per `public_key`."""

    def __init__(self, scope_index: ScopeIndex | None) -> None:
        self._device: dict[str, object] = {}
        self._peers: list[PeerUpdate] = []
        self._peer: dict[str, object] | None = None
        # an allowed IP that is listed twice keeps its last sign; dicts, for their order
        self._added: dict[Prefix, None] = {}
        self._removed: dict[Prefix, None] = {}
        self._scope_index = scope_index

    def line(self, key: str, value: str) -> None:
        if key == "public_key":
            self._close_peer()
            self._peer = {"public_key": PublicKey(encode(_key(value)))}
        elif self._peer is None:
            self._device_line(key, value)
        else:
            self._peer_line(self._peer, key, value)

    def finish(self) -> DeviceUpdate:
        self._close_peer()
        return DeviceUpdate(**self._device, peers=tuple(self._peers))  # type: ignore[arg-type]

    def _close_peer(self) -> None:
        if self._peer is None:
            return
        lists = {"allowed_ips": tuple(self._added), "removed_ips": tuple(self._removed)}
        self._peers.append(PeerUpdate(**self._peer, **lists))  # type: ignore[arg-type]
        self._added.clear()
        self._removed.clear()

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
            self._allowed_ip(value)
        elif key in ("remove", "update_only"):
            peer[key] = _true(value)
        elif key == "replace_allowed_ips":
            peer[key] = _true(value)
            # what was listed before this line is replaced as well
            self._added.clear()
            self._removed.clear()
        elif key == "preshared_key":
            peer[key] = PresharedKey(_key(value))
        elif key == "endpoint":
            peer[key] = _endpoint(value, self._scope)
        elif key == "persistent_keepalive_interval":
            peer["keepalive"] = _number(value, 0xFFFF)
        elif key == "protocol_version":
            if value != "1":
                raise ConfigError("protocol_version must be 1", errno=EINVAL)
        else:
            raise ConfigError("unknown key of a peer", errno=EINVAL)

    def _allowed_ip(self, value: str) -> None:
        """`10.0.0.0/24` adds, `-10.0.0.0/24` takes away.

        A prefix that is added and then taken away stays in both lists: adding it takes it from
        the peer that has it.
        """
        prefix = _prefix(value.removeprefix("-"))
        if value.startswith("-"):
            self._removed[prefix] = None
        else:
            self._removed.pop(prefix, None)
            self._added[prefix] = None

    def _scope(self, text: str) -> str:
        """The number of the interface that a link-local address is on."""
        if text.isascii() and text.isdigit():
            return str(_number(text, 0xFFFFFFFF))
        if self._scope_index is None or not text:
            raise ConfigError("the scope of an endpoint is an interface index", errno=EINVAL)
        try:
            return str(self._scope_index(text))
        except OSError:
            raise ConfigError("the scope of an endpoint is no interface", errno=EINVAL) from None


def _endpoint(text: str, scope: Callable[[str], str]) -> Endpoint:
    try:
        host, port = Endpoint.parse(text, numeric=True)
    except PrefixFormatError:
        raise ConfigError("an endpoint is address:port, IPv6 in brackets", errno=EINVAL) from None
    address, percent, zone = host.partition("%")
    return Endpoint(f"{address}%{scope(zone)}" if percent else address, port)


def _key(text: str) -> bytes:
    if len(text) != 2 * KEY_LENGTH or not (text.isascii() and text.isalnum()):
        raise ConfigError("a key is 64 hexadecimal digits", errno=EINVAL)
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ConfigError("a key is 64 hexadecimal digits", errno=EINVAL) from None


def _number(text: str, limit: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 20) or int(text) > limit:
        raise ConfigError(f"a number from 0 to {limit} is wanted", errno=EINVAL)
    return int(text)


def _true(text: str) -> bool:
    if text != "true":
        raise ConfigError('the only value is "true"', errno=EINVAL)
    return True


def _prefix(text: str) -> Prefix:
    try:
        return Prefix.parse(text)
    except PrefixFormatError:
        raise ConfigError("an allowed_ip is address/length", errno=EINVAL) from None
