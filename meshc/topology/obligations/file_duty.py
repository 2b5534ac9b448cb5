"""A file's duty: what must stand in the file of one node, whatever else it says."""

from __future__ import annotations

from enum import Enum

from meshc.prefixes import Prefix
from meshc.topology.language.spec import NodeSpec, Platform
from meshc.values import dataclass


class KeyPlace(Enum):
    """Where the private key of a node comes from."""

    FILE = "a PrivateKey line"
    HOOK = "a hook that sets the private key"
    DEVICE = "the device itself"


@dataclass(frozen=True, slots=True)
class FileDuty:
    """`addresses` are the node's own, all of them. `mtu` is the one that the topology asks for,
    `servers` are the name servers, if it can be told of any."""

    name: str
    key: KeyPlace
    addresses: tuple[Prefix, ...]
    mtu: int | None = None
    servers: tuple[Prefix, ...] = ()


def file_duty(
    node: NodeSpec,
    addresses: tuple[Prefix, ...],
    mtu: int | None,
    servers: tuple[Prefix, ...] = (),
) -> FileDuty:
    """What the file of a managed node owes; `addresses` are those that it was given."""
    place = KeyPlace.FILE
    if node.private_key_file is not None or node.private_key_command is not None:
        place = KeyPlace.HOOK
    elif node.public_key is not None:
        place = KeyPlace.DEVICE
    # a RouterOS script leaves the router's own resolver alone
    servers = () if node.platform is Platform.ROUTEROS else servers
    return FileDuty(node.name, place, node.addresses or addresses, node.mtu or mtu, servers)
