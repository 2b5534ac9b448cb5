"""Near endpoints: where a node may be called from inside its own network."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable

from meshc.agent.core.control_message import MOST_ENDPOINTS
from meshc.wg.device_values import DeviceState, PeerState
from meshc.wg.endpoint import Endpoint


def near_endpoints(
    towards: Iterable[PeerState | None], device: DeviceState
) -> tuple[Endpoint, ...]:
    """The addresses from which WireGuard's own packets go to these peers, with its port."""
    if not device.listen_port:
        return ()
    ends = (peer.endpoint for peer in towards if peer is not None)
    found = (_source(end, device.fwmark) for end in ends if end is not None)
    hosts = dict.fromkeys(host for host in found if host)
    return tuple(Endpoint(host, device.listen_port) for host in hosts)[:MOST_ENDPOINTS]


def _source(end: Endpoint, mark: int) -> str:
    """As the kernel's routes choose it; nothing is sent. Empty where there is no way."""
    family = socket.AF_INET6 if end.family == 6 else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        if mark:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        probe.connect((end.host, end.port))
        return str(probe.getsockname()[0])
    return ""
