"""Reads the facts of a machine; changes nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING

from meshc.conf import Conf
from meshc.errors import NodeError, PrefixFormatError
from meshc.node import sysctl
from meshc.node.desired import SRC_VALID_MARK
from meshc.node.facts import FactSet
from meshc.node.values import Device
from meshc.prefixes import parse_address

if TYPE_CHECKING:
    from meshc.node.machine import Machine
    from meshc.node.netlink import Netlink


def survey(machine: Machine, interface: str, conf: Conf) -> FactSet:
    """One look at everything that bringing up `conf` depends on. Raises: NodeError."""
    netlink = machine.netlink
    link = netlink.link(interface)
    device = _device(machine, interface) if link is not None else None
    mark = conf.fwmark or (device.fwmark if device else 0)
    resolved = resolve(netlink, (p.endpoint.host for p in conf.peers if p.endpoint), mark)
    links = netlink.links()
    mtus = {one.name: one.mtu for one in links}
    path_mtu = {}
    for address in sorted(set(resolved.values())):
        route = netlink.route_to(address, mark)
        if route is not None and route.device != interface and (route.mtu or route.device in mtus):
            path_mtu[address] = route.mtu or mtus[route.device]
    return FactSet(
        interface,
        link,
        device,
        netlink.addresses(interface),
        links,
        netlink.routes(),
        netlink.rules(),
        resolved,
        path_mtu,
        sysctl.read_all((SRC_VALID_MARK,)),
    )


def resolve(netlink: Netlink, hosts: Iterable[str], mark: int = 0) -> dict[str, str]:
    """Host names and literal addresses -> addresses. Of several, the first that this machine has
    a route to. Names that do not resolve are left out: a network that is not up yet at boot must
    not keep the interface from coming up."""
    found = {}
    for host in sorted(set(hosts)):
        addresses = _lookup(host)
        reachable = [one for one in addresses if netlink.route_to(one, mark) is not None]
        if addresses:
            found[host] = (reachable or addresses)[0]
    return found


def is_literal(host: str) -> bool:
    """Whether it is an address already."""
    try:
        parse_address(host)
    except PrefixFormatError:
        return False
    return True


def _lookup(host: str) -> list[str]:
    if is_literal(host):
        return [str(parse_address(host))]
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


def _device(machine: Machine, interface: str) -> Device | None:
    from meshc.node.backends import of_running

    try:
        return (machine.engine or of_running(interface)).read(interface)
    except NodeError:
        return None
