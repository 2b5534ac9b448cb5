"""Reads the facts of a machine; changes nothing."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING

from meshc.errors import NodeError
from meshc.node import agent_process, dns, firewall, sysctl
from meshc.node.desired import SRC_VALID_MARK
from meshc.node.facts import FactSet
from meshc.node.forwarding import SYSCTL_PATTERNS
from meshc.node.nodefile import NodeFile
from meshc.node.values import Device, is_literal
from meshc.prefixes import parse_address

if TYPE_CHECKING:
    from meshc.node.machine import Machine
    from meshc.node.netlink import Netlink


def survey(machine: Machine, file: NodeFile) -> FactSet:
    """One look at everything that bringing up a file depends on. Raises: NodeError."""
    conf, interface = file.conf, file.interface
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
        sysctl.read_all((SRC_VALID_MARK, *(SYSCTL_PATTERNS if file.forwarding.needed else ()))),
        {family: firewall.read_facts(family) for family in _guarded_families(file)},
        shutil.which("nft") is not None,
        firewall.nft_tables(),
        dns.read_facts(),
        agent_process.runs(machine.token),
    )


def _guarded_families(file: NodeFile) -> tuple[int, ...]:
    """The families whose firewall matters: those that are forwarded or have a default route."""
    defaults = {p.family for peer in file.conf.peers for p in peer.allowed_ips if not p.length}
    return tuple(sorted({*file.forwarding.families, *defaults}))


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
