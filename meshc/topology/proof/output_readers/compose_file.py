"""The file of docker compose, read back: the tunnel's service, and that it mounts the file."""

from __future__ import annotations

from collections.abc import Mapping

from meshc.topology.proof.output_readers.carried_conf import (
    CarriageReading,
    Carried,
    compared,
    documents,
    leaves,
    only,
)
from meshc.topology.proof.output_readers.output_reading import OutputError


def read_compose(files: Mapping[str, str], carried: Carried) -> CarriageReading:
    """Raises: OutputError."""
    file, text = only(files)
    found = documents(text, file)
    if len(found) != 1:
        raise OutputError(f"{file}: it holds {len(found)} documents, where compose reads one")
    interface, port = carried.interface, carried.conf.listen_port
    service = f"services.{interface}"
    start = (
        f"wg-quick up {interface}; trap 'wg-quick down {interface}; exit 0' TERM INT; "
        "sleep infinity & wait"
    )
    wanted = {
        f"{service}.image": "*",
        f"{service}.entrypoint.0": "/bin/bash",
        f"{service}.entrypoint.1": "-ec",
        f"{service}.entrypoint.2": start,
        f"{service}.cap_add.0": "NET_ADMIN",
        f"{service}.volumes.0": f"../{interface}.conf:/etc/wireguard/{interface}.conf:ro",
        f"{service}.restart": "unless-stopped",
    }
    wanted |= {f"{service}.sysctls.{key}": value for key, value in carried.settings().items()}
    if port is not None:
        wanted[f"{service}.ports.0"] = f"{port}:{port}/udp"
    return compared(wanted, dict(leaves(found[0])))
