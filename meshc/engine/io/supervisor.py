"""Telling a supervisor that the engine is ready: sd_notify(3), without the library."""

from __future__ import annotations

import socket
from collections.abc import Mapping


def notify(state: str, environ: Mapping[str, str]) -> bool:
    """Send `state` (as "READY=1") to the socket in `NOTIFY_SOCKET`; False if there is none."""
    path = environ.get("NOTIFY_SOCKET", "")
    if not path:
        return False
    # A leading "@" stands for the abstract namespace.
    address = "\0" + path[1:] if path.startswith("@") else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.sendto(state.encode(), address)
    except OSError:
        return False  # a supervisor that does not listen is no reason not to serve
    return True
