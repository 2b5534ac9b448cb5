"""The cross-platform userspace interface: how wireguard-go and the bundled engine are set and read.

Text over a unix socket (https://www.wireguard.com/xplatform/). `format_set` and `parse_get` are
pure; `Socket` moves the text.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

from meshc.errors import NodeError, PrefixFormatError
from meshc.keys import PresharedKey, PrivateKey, PublicKey, encode
from meshc.node.system_values import Device, DeviceUpdate, PeerState, PeerUpdate
from meshc.prefixes import Prefix
from meshc.wg.conf import HostPort, parse_endpoint

SOCKET_DIRECTORY = Path("/var/run/wireguard")
"""Where wg(8) and every userspace implementation look."""

_TIMEOUT = 10.0
_NO_KEY = bytes(32)


def socket_path(interface: str) -> Path:
    """Where the engine of an interface listens."""
    return SOCKET_DIRECTORY / f"{interface}.sock"


def remove_stale_socket(interface: str) -> bool:
    """Removes a socket that nobody answers on, left by an engine that was killed. False when
    somebody does: then it is theirs (another network namespace may share the directory)."""
    path = socket_path(interface)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.settimeout(_TIMEOUT)
        try:
            stream.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            path.unlink(missing_ok=True)
            return True
        except OSError:
            return False
    return False


def read_device(interface: str) -> Device:
    """The whole state of a userspace interface. Raises: NodeError."""
    return parse_get(_exchange(interface, "get=1\n\n"))


def write_device(interface: str, update: DeviceUpdate) -> None:
    """Applies an update. Raises: NodeError with the errno the engine answered."""
    answer = dict(_pairs(_exchange(interface, format_set(update))))
    code = answer.get("errno", "missing")
    if code != "0":
        raise NodeError(f"the engine of {interface} refused a setting (errno {code})")


def format_set(update: DeviceUpdate) -> str:
    """The `set=1` transaction of an update, with its empty last line."""
    lines = ["set=1"]
    if update.private_key is not None:
        lines.append(f"private_key={update.private_key.raw.hex()}")
    if update.listen_port is not None:
        lines.append(f"listen_port={update.listen_port}")
    if update.fwmark is not None:
        lines.append(f"fwmark={update.fwmark}")
    for peer in update.peers:
        lines.extend(_peer_lines(peer))
    return "\n".join(lines) + "\n\n"


def parse_get(text: str) -> Device:
    """Reads the answer to `get=1`. Raises: NodeError when it reports an error or is no answer."""
    private: PrivateKey | None = None
    numbers = {"listen_port": 0, "fwmark": 0}
    peers: list[dict[str, list[str]]] = []
    code = "missing"
    for key, value in _pairs(text):
        if key == "public_key":
            peers.append({key: [value]})
        elif key == "errno":
            code = value
        elif peers:
            peers[-1].setdefault(key, []).append(value)
        elif key == "private_key":
            raw = bytes.fromhex(value)
            private = PrivateKey(raw) if raw != _NO_KEY else None
        elif key in numbers:
            numbers[key] = int(value)
    if code != "0":
        raise NodeError(f"the engine answered a read with errno {code}")
    states = sorted((_peer_state(peer) for peer in peers), key=lambda peer: peer.public_key)
    return Device(private, numbers["listen_port"], numbers["fwmark"], tuple(states))


def _peer_lines(peer: PeerUpdate) -> Iterator[str]:
    yield f"public_key={peer.public_key.raw.hex()}"
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


def _peer_state(values: dict[str, list[str]]) -> PeerState:
    def last(key: str, default: str = "0") -> str:
        return values.get(key, [default])[-1]

    psk = bytes.fromhex(last("preshared_key", _NO_KEY.hex()))
    return PeerState(
        PublicKey(encode(bytes.fromhex(last("public_key")))),
        PresharedKey(psk) if psk != _NO_KEY else None,
        _endpoint(last("endpoint", "")),
        tuple(sorted(Prefix.parse(item) for item in values.get("allowed_ip", ()))),
        int(last("persistent_keepalive_interval")),
        int(last("last_handshake_time_sec")) + int(last("last_handshake_time_nsec")) / 1e9,
        int(last("rx_bytes")),
        int(last("tx_bytes")),
    )


def _endpoint(text: str) -> HostPort | None:
    if not text:
        return None
    # a link-local endpoint carries a zone, `[fe80::1%eth0]:51820`, which only the engine needs
    host, percent, tail = text.partition("%")
    if percent:
        text = host + "]" + tail.partition("]")[2]
    try:
        return parse_endpoint(text)
    except PrefixFormatError:
        return None


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        key, equals, value = line.partition("=")
        if equals:
            yield key, value


def _exchange(interface: str, request: str) -> str:
    """One request and its answer, which ends with an empty line."""
    path = socket_path(interface)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.settimeout(_TIMEOUT)
        try:
            stream.connect(str(path))
            stream.sendall(request.encode())
            chunks = bytearray()
            while not chunks.endswith(b"\n\n"):
                chunk = stream.recv(1 << 16)
                if not chunk:
                    break
                chunks += chunk
        except OSError as error:
            raise NodeError(
                f"no answer from the engine of {interface} at {path}: {error.strerror or error}",
                hint=f"is it running? `meshc down {interface}` cleans up after one that died",
            ) from None
    return chunks.decode("ascii", "replace")
