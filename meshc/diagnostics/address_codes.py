"""300 to 349: addresses, ports and the lock file."""

from __future__ import annotations

from meshc.diagnostics.code import Code

ADDRESS_CODES = (
    Code(
        "E300",
        "address outside the pools",
        "A node's fixed `address` must lie inside one of network.addresses: the pools are what "
        "relays and routes are built from, and nobody would send packets for an address outside. "
        "Choose an address inside a pool, or add the pool it belongs to.",
    ),
    Code(
        "W303",
        "address of the lock is not in the pools",
        "The lock file keeps an address for this node, but network.addresses has changed and the "
        "address lies outside of it now, or is one that no node can have. The node gets a new "
        "address, and every node that lists it needs its new file.",
    ),
    Code(
        "E304",
        "fixed address is kept for another node",
        "The file fixes an address that the lock file already gave to another node. meshc moves no "
        "node to another address unless the file says so. Choose a free address, or fix a new one "
        "for the node that has it now.",
    ),
    Code(
        "E305",
        "no address is left",
        "All addresses of the pools of one family are in use, those of removed nodes included. Add "
        "a second pool to network.addresses (addresses that nodes have stay as they are), or make "
        "the pool larger by shortening its prefix length.",
    ),
    Code(
        "E306",
        "no port is left",
        "Every UDP port from 1024 to 65535 is taken by another node of the same site.",
    ),
)
