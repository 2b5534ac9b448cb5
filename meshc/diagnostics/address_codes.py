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
        "E301",
        "address that no node can have",
        "The first address of an IPv4 network names the network and the last is its broadcast "
        "address (RFC 1122); the first of an IPv6 network is the anycast address of its routers"
        " (RFC 4291). A node with one of them is not reached.",
    ),
    Code(
        "E302",
        "address given twice",
        "Two nodes have the same fixed address. AllowedIPs gives an address to one peer per "
        "interface, so that one of the two would vanish without an error message. Change one, "
        "or drop `address` and let meshc choose.",
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
        "Every UDP port from 1024 to 65535 is taken by another node of the same site. Split the "
        "site, or take the `lan_endpoint` of nodes away that no neighbour needs to reach directly.",
    ),
    Code(
        "E310",
        "lock file cannot be read",
        "A line of the lock file is not what meshc writes. The file is what keeps addresses, ports "
        "and keys from changing between builds, so meshc does not go on without it. Restore it "
        "from git (`git checkout -- mesh.lock`). Only for a network that was never deployed is it "
        "safe to delete it: all addresses are then chosen anew.",
    ),
    Code(
        "E311",
        "merge conflict in the lock file",
        "Two branches changed the same place of the lock file and git could not merge them. Every "
        "node is one line, and the lines do not depend on each other: keep all lines of both "
        "sides and delete the conflict marks. If both sides have a line for the same node, or the "
        "same address on two nodes, keep the line of what is deployed; meshc gives the other node "
        "a new address.",
    ),
    Code(
        "E312",
        "lock file of a newer version",
        "The lock file was written by a newer meshc. An older one could not keep what it does not "
        "understand and would lose it. Update meshc.",
    ),
    Code(
        "E313",
        "lock file names something twice",
        "A node or an address is in the lock file twice, usually after a merge of two branches "
        "that each added a node. Keep the line of what is deployed and delete the other; the node "
        "of the deleted line gets a new address at the next build.",
    ),
    Code(
        "E314",
        "lock file is missing",
        "The network was built before: its secret lies in `keys/`. But the lock file is gone. A "
        "build without it would choose every address anew, start the count of pre-shared keys at "
        "1 and forget which keys were revoked, so that a stolen key could come back. Restore it "
        "from git (`git checkout -- mesh.lock`). Only for a network that runs nowhere: `meshc "
        "build --new-lock`.",
    ),
    Code(
        "E315",
        "lock file of another network",
        "The lock file beside the topology names another network than the topology does. Its "
        "addresses, keys and revocations belong to that one. Put the right file back. After "
        "renaming a network, write the new name into the first line of the lock file, and into "
        "that of keys/network.secret, too.",
    ),
    Code(
        "W316",
        "node may have been renamed",
        "A node is known by its name alone. One that is renamed is a node that left and another "
        "that came: it gets a new address and a new key, and every peer needs its new file. If "
        "that is not meant, rename it where it is remembered too: in the lock file and in "
        "`keys/`.",
    ),
)
