"""The exchange of UAPI text over a unix socket: how wireguard-go and the bundled engine are set and
read. The text itself is `meshc.wg.uapi`'s.
"""

from __future__ import annotations

import socket
from pathlib import Path

from meshc.errors import ConfigError, NodeError
from meshc.wg.device_values import DeviceState, DeviceUpdate
from meshc.wg.uapi import format_set, pairs, parse_get

SOCKET_DIRECTORY = Path("/var/run/wireguard")
"""Where wg(8) and every userspace implementation look."""

_TIMEOUT = 10.0


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


def read_device(interface: str) -> DeviceState:
    """The whole state of a userspace interface. Raises: NodeError."""
    try:
        return parse_get(_exchange(interface, "get=1\n\n"))
    except ConfigError as error:
        raise NodeError(f"the engine of {interface}: {error}") from None


def write_device(interface: str, update: DeviceUpdate) -> None:
    """Applies an update. Raises: NodeError with the errno the engine answered."""
    answer = dict(pairs(_exchange(interface, format_set(update))))
    code = answer.get("errno", "missing")
    if code != "0":
        raise NodeError(f"the engine of {interface} refused a setting (errno {code})")


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
