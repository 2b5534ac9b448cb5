"""Jobs in the namespace of a router: new rules, forgotten mappings, another address."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from meshc.lab.world.cabling import load_rules, netlink


def load(args: Mapping[str, Any]) -> None:
    """Loads `rules` (nft text) here. A job. Raises: NodeError."""
    load_rules(args["rules"])


def forget(args: Mapping[str, Any]) -> None:
    """Empties this router's memory of connections, as a restart does; `rules`, when given, replace
    its rules first. A job. Raises: NodeError."""
    if args.get("rules"):
        load_rules(args["rules"])
    _flush()


def move(args: Mapping[str, Any]) -> None:
    """The provider gives this router another IPv4 address: `old` on `interface` becomes `new`, with
    the same `gateway`. A job."""
    with netlink() as link:
        index = link.link_lookup(ifname=args["interface"])[0]
        link.addr("add", index=index, address=args["new"], prefixlen=32)
        link.route(
            "replace", dst="0.0.0.0/0", gateway=args["gateway"], oif=index, prefsrc=args["new"]
        )
        link.addr("del", index=index, address=args["old"], prefixlen=32)
    _flush()


def route(args: Mapping[str, Any]) -> None:
    """The internet learns where `address` is now: behind `interface`. A job."""
    with netlink() as link:
        index = link.link_lookup(ifname=args["interface"])[0]
        link.route(
            "replace", family=socket.AF_INET, dst=f"{args['address']}/32", oif=index, scope=253
        )


def _flush() -> None:
    from pyroute2.netlink.nfnetlink.nfctsocket import NFCTSocket

    with NFCTSocket() as table:
        table.flush()
