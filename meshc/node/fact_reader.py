"""Reads the facts of a machine; changes nothing."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from meshc.errors import NodeError
from meshc.node.change import Change
from meshc.node.desired import SEND_REDIRECTS, SRC_VALID_MARK
from meshc.node.fact_set import FactSet
from meshc.node.nodefile import InterfaceFile
from meshc.node.outer_names import look_up, outer_servers
from meshc.node.system import agent_process, dns, firewall, forwarding_switch, sysctl
from meshc.node.system_values import is_literal
from meshc.prefixes import parse_address
from meshc.wg.conf import Conf
from meshc.wg.device_values import DeviceState

if TYPE_CHECKING:
    from meshc.node.machine import Machine
    from meshc.node.system.rtnetlink import Netlink


def survey(
    machine: Machine,
    file: InterfaceFile,
    *,
    applied: Mapping[str, str] | None = None,
    lookup: bool = True,
    recorded: Sequence[Change] = (),
) -> FactSet:
    """One look at everything that bringing up a file depends on. Raises: NodeError.

    Names are asked for only where the answer matters: a peer whose endpoint the file has not
    changed since `applied` keeps the one it has. Without `lookup`, not for peers either that have
    none yet: `status` must not wait for a name service that is down. While the interface is up, or
    should be by what was `recorded`, names are asked for outside of it."""
    conf, interface = file.conf, file.interface
    netlink = machine.netlink
    link = netlink.link(interface)
    device = _device(machine, interface) if link is not None else None
    mark = conf.fwmark or (device.fwmark if device else 0)
    resolved, unknown = known_endpoints(conf, device, applied or {}, lookup)
    outer = () if link is None and not recorded else outer_servers(recorded, interface)
    resolved.update(
        resolve(netlink, unknown, mark, lambda host: look_up(host, outer, mark) if outer else [])
    )
    path_mtu = _path_mtus(netlink, interface, resolved.values(), mark)
    return FactSet(
        interface,
        link,
        device,
        netlink.addresses(interface),
        netlink.links(),
        netlink.routes(),
        netlink.rules(),
        resolved,
        path_mtu,
        sysctl.read_all((SRC_VALID_MARK, SEND_REDIRECTS, *forwarding_switch.SWITCH.values())),
        {family: firewall.read_facts(family) for family in _guarded_families(file)},
        shutil.which("nft") is not None,
        firewall.nft_tables(),
        dns.read_facts(),
        sysctl.ipv6_is_off(interface),
        forwarding_switch.counted(machine.run_directory, interface),
        netlink.closed_tables() if file.firewall.closes_tables else frozenset(),
        agent_process.runs(machine.token),
    )


def _path_mtus(
    netlink: Netlink, interface: str, addresses: Iterable[str], mark: int
) -> dict[str, int]:
    """Of the ways to endpoints, outside the tunnel."""
    mtus = {one.name: one.mtu for one in netlink.links()}
    found = {}
    for address in sorted(set(addresses)):
        route = netlink.route_to(address, mark)
        if route is not None and route.device != interface and (route.mtu or route.device in mtus):
            found[address] = route.mtu or mtus[route.device]
    return found


def known_endpoints(
    conf: Conf, device: DeviceState | None, applied: Mapping[str, str], lookup: bool
) -> tuple[dict[str, str], set[str]]:
    """Host names whose address the device knows, and the hosts that remain to be asked for."""
    known: dict[str, str] = {}
    unknown: set[str] = set()
    states = {state.public_key: state for state in device.peers} if device is not None else {}
    for peer in conf.peers:
        if peer.endpoint is None:
            continue
        host = peer.endpoint.host
        state = states.get(peer.public_key)
        same = applied.get(peer.public_key) == str(peer.endpoint)
        if is_literal(host) or not same:
            unknown.add(host)
        elif state is not None and state.endpoint is not None:
            known[host] = state.endpoint.host
        elif lookup:
            unknown.add(host)
    return known, unknown


def _guarded_families(file: InterfaceFile) -> tuple[int, ...]:
    """The families whose firewall matters: those that are forwarded or have a default route."""
    defaults = {p.family for peer in file.conf.peers for p in peer.allowed_ips if not p.length}
    return tuple(sorted({*file.firewall.programs_for, *defaults}))


def resolve(
    netlink: Netlink,
    hosts: Iterable[str],
    mark: int = 0,
    look_up: Callable[[str], list[str]] = lambda host: [],
) -> dict[str, str]:
    """Host names and literal addresses -> addresses. Of several, the first that this machine has
    a route to. `look_up` is asked before the machine's own resolver. Names that do not resolve are
    left out: a network that is not up yet at boot must not keep the interface from coming up."""
    found = {}
    for host in sorted(set(hosts)):
        addresses = look_up(host) or _lookup(host)
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


def _device(machine: Machine, interface: str) -> DeviceState | None:
    from meshc.node.backends import of_running

    try:
        return (machine.engine or of_running(interface)).read(interface)
    except NodeError:
        return None
