"""Links, addresses, routes and rules through rtnetlink: the one module that knows pyroute2 here.

It works in the network namespace that the calling thread is in when it is opened. Adding what is
there, and removing what is not, is not an error: the methods say whether they changed anything.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from meshc.errors import NodeError
from meshc.node.system_values import MAIN_TABLE, LinkFact, PolicyRule, RouteFact
from meshc.prefixes import InterfaceAddress, Prefix

_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
_VERSION = {int(family): version for version, family in _FAMILY.items()}
LAST_METRIC = 4278198272
"""Behind every route that anybody makes on purpose; the emitted lines say the same."""
_UNREACHABLE = 7  # RTN_UNREACHABLE
_CONNECTED = (2, 9)  # RTPROT_KERNEL, RTPROT_RA
_PROTO_BOOT = 3  # RTPROT_BOOT, what ip-route(8) writes
_SCOPE_LINK = 253
_UNICAST = 1  # RTN_UNICAST
_RULE_TO_TABLE = 1  # FR_ACT_TO_TBL
_RULE_INVERT = 2  # FIB_RULE_INVERT
_NONE = 0xFFFFFFFF
_RULE_CONDITIONS = (
    "FRA_SRC",
    "FRA_DST",
    "FRA_IIFNAME",
    "FRA_OIFNAME",
    "FRA_IP_PROTO",
    "FRA_SPORT_RANGE",
    "FRA_DPORT_RANGE",
    "FRA_UID_RANGE",
)
_ABSENT = {errno.ENOENT, errno.ESRCH, errno.ENODEV, errno.EADDRNOTAVAIL}


class Netlink:
    """An open rtnetlink socket; use as a context manager."""

    def __init__(self) -> None:
        self._ip = IPRoute()

    def __enter__(self) -> Netlink:
        return self

    def __exit__(self, *exc: object) -> None:
        self._ip.close()

    def links(self) -> tuple[LinkFact, ...]:
        """All interfaces."""
        return tuple(_link(message) for message in self._ip.get_links())

    def link(self, name: str) -> LinkFact | None:
        """One interface, None when it does not exist."""
        index = _index(name)
        if not index:
            return None
        try:
            return _link(next(iter(self._ip.get_links(index))))
        except NetlinkError as error:
            # it went between the two questions
            if error.code == errno.ENODEV:
                return None
            raise NodeError(f"could not look at {name}: {error.args[-1]}") from None

    def add_link(self, name: str, kind: str) -> None:
        """Raises: NodeError, for a kind that the kernel does not know too."""
        self._call(f"create {name}", "link", "add", ifname=name, kind=kind)

    def delete_link(self, name: str) -> bool:
        """False when it was not there. Raises: NodeError."""
        index = _index(name)
        return index != 0 and self._call(
            f"delete {name}", "link", "del", index=index, ignore=_ABSENT
        )

    def set_link(self, name: str, *, mtu: int | None = None, up: bool | None = None) -> None:
        """None leaves a value alone; `mtu` in bytes. Raises: NodeError."""
        wanted: dict[str, Any] = {}
        if mtu is not None:
            wanted["mtu"] = mtu
        if up is not None:
            wanted["state"] = "up" if up else "down"
        self._call(f"set up {name}", "link", "set", index=self._index(name), **wanted)

    def addresses(self, name: str) -> tuple[InterfaceAddress, ...]:
        """The addresses of an interface, without the link-local ones that the kernel makes."""
        index = _index(name)
        if not index:
            return ()
        found = []
        try:
            messages = tuple(self._ip.get_addr(index=index))
        except NetlinkError as error:
            raise NodeError(f"could not look at {name}: {error.args[-1]}") from None
        for message in messages:
            text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
            address = InterfaceAddress.parse(f"{text}/{message['prefixlen']}")
            if not (address.family == 6 and message["scope"] == _SCOPE_LINK):
                found.append(address)
        return tuple(sorted(found))

    def add_address(self, name: str, address: InterfaceAddress) -> bool:
        """False when it was there. Raises: NodeError."""
        return self._address("add", name, address, {errno.EEXIST})

    def delete_address(self, name: str, address: InterfaceAddress) -> bool:
        """False when it was not there. Raises: NodeError."""
        if not _index(name):
            return False
        return self._address("del", name, address, _ABSENT)

    def routes(self) -> tuple[RouteFact, ...]:
        """The unicast routes of every table that go out of a device, both families."""
        names = dict(socket.if_nameindex())
        found = []
        for family in _FAMILY.values():
            for message in self._ip.get_routes(family=family):
                if message["type"] == _UNICAST:
                    found.extend(_routes(message, names))
        return tuple(sorted(found, key=_route_order))

    def add_route(self, name: str, prefix: Prefix, table: int) -> bool:
        """False when there is one to that prefix in the table. Raises: NodeError."""
        return self._route("add", name, prefix, table, {errno.EEXIST})

    def delete_route(self, name: str, prefix: Prefix, table: int) -> bool:
        """False when it was not there. Raises: NodeError."""
        if not _index(name):
            return False
        return self._route("del", name, prefix, table, _ABSENT)

    def closed_tables(self) -> frozenset[tuple[int, int]]:
        """Family and number of the tables with an unreachable default route behind all others."""
        found = set()
        for version, family in _FAMILY.items():
            for message in self._ip.get_routes(family=family):
                default = not message["dst_len"] and message["type"] == _UNREACHABLE
                if default and message.get_attr("RTA_PRIORITY") == LAST_METRIC:
                    found.add((version, message.get_attr("RTA_TABLE") or message["table"]))
        return frozenset(found)

    def close_table(self, family: int, table: int) -> bool:
        """False when it was. Raises: NodeError."""
        return self._close("add", family, table, {errno.EEXIST})

    def open_table(self, family: int, table: int) -> bool:
        """False when it was. Raises: NodeError."""
        return self._close("del", family, table, _ABSENT)

    def route_to(self, address: str, mark: int = 0) -> RouteFact | None:
        """The route that a packet with this firewall mark would take; None when there is none."""
        host = Prefix.host(address)
        try:
            message = next(iter(self._ip.route("get", dst=host.address, mark=mark)))
        except NetlinkError:
            return None
        device = message.get_attr("RTA_OIF")
        names = dict(socket.if_nameindex())
        return RouteFact(
            host,
            message.get_attr("RTA_TABLE") or MAIN_TABLE,
            names.get(device, ""),
            gateway=message.get_attr("RTA_GATEWAY"),
            mtu=_route_mtu(message),
        )

    def rules(self) -> tuple[PolicyRule, ...]:
        """Those that lead to a table, by family and priority."""
        found = []
        for version, family in _FAMILY.items():
            for message in self._ip.get_rules(family=family):
                if message["action"] == _RULE_TO_TABLE:
                    found.append(_rule(message, version))
        return tuple(sorted(found, key=lambda rule: (rule.family, rule.priority)))

    def add_rule(self, rule: PolicyRule) -> bool:
        """False when it was there. Raises: NodeError."""
        return self._rule("add", rule, {errno.EEXIST})

    def delete_rule(self, rule: PolicyRule) -> bool:
        """False when it was not there. Raises: NodeError."""
        return self._rule("del", rule, _ABSENT)

    def _index(self, name: str) -> int:
        index = _index(name)
        if not index:
            raise NodeError(f"there is no interface {name}")
        return index

    def _address(self, verb: str, name: str, address: InterfaceAddress, ignore: set[int]) -> bool:
        return self._call(
            f"{verb} address {address} on {name}",
            "addr",
            verb,
            index=self._index(name),
            family=_FAMILY[address.family],
            address=address.address,
            prefixlen=address.length,
            ignore=ignore,
        )

    def _route(self, verb: str, name: str, prefix: Prefix, table: int, ignore: set[int]) -> bool:
        return self._call(
            f"{verb} route {prefix} on {name}",
            "route",
            verb,
            family=_FAMILY[prefix.family],
            dst=str(prefix),
            oif=self._index(name),
            table=table,
            proto=_PROTO_BOOT,
            # ip-route(8): a unicast route without a gateway has link scope; IPv6 knows no scopes
            scope=_SCOPE_LINK if prefix.family == 4 else 0,
            ignore=ignore,
        )

    def _close(self, verb: str, family: int, table: int, ignore: set[int]) -> bool:
        return self._call(
            f"{verb} the last route of table {table}",
            "route",
            verb,
            family=_FAMILY[family],
            dst=str(Prefix(family, 0, 0)),
            type="unreachable",
            priority=LAST_METRIC,
            table=table,
            proto=_PROTO_BOOT,
            ignore=ignore,
        )

    def _rule(self, verb: str, rule: PolicyRule, ignore: set[int]) -> bool:
        wanted: dict[str, Any] = {}
        if rule.fwmark is not None:
            wanted["fwmark"] = rule.fwmark
        if rule.suppress_prefixlength is not None:
            wanted["FRA_SUPPRESS_PREFIXLEN"] = rule.suppress_prefixlength
        if rule.inverted:
            wanted["flags"] = _RULE_INVERT
        return self._call(
            f"{verb} rule {rule.priority}",
            "rule",
            verb,
            family=_FAMILY[rule.family],
            priority=rule.priority,
            table=rule.table,
            ignore=ignore,
            **wanted,
        )

    def _call(
        self, what: str, method: str, verb: str, *, ignore: Iterable[int] = (), **wanted: Any
    ) -> bool:
        """Raises: NodeError for an error number that is not in `ignore`."""
        try:
            getattr(self._ip, method)(verb, **wanted)
        except NetlinkError as error:
            if error.code in ignore:
                return False
            hint = "this needs root (or CAP_NET_ADMIN)" if error.code == errno.EPERM else ""
            reason = error.args[1] if len(error.args) > 1 else errno.errorcode.get(error.code, "")
            raise NodeError(f"could not {what}: {reason}", hint=hint) from None
        return True


def _index(name: str) -> int:
    """0 when there is no such interface. One cheap system call: a mesh has a thousand routes."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return 0


def _link(message: Any) -> LinkFact:
    info = message.get_attr("IFLA_LINKINFO")
    kind = info.get_attr("IFLA_INFO_KIND") if info is not None else None
    return LinkFact(
        message.get_attr("IFLA_IFNAME"),
        message["index"],
        kind or "",
        message.get_attr("IFLA_MTU") or 0,
        bool(message["flags"] & 1),
    )


def _routes(message: Any, names: dict[int, str]) -> list[RouteFact]:
    """One fact a next hop: a multipath route has several."""
    version = _VERSION[message["family"]]
    destination = message.get_attr("RTA_DST")
    prefix = (
        Prefix.parse(f"{destination}/{message['dst_len']}")
        if destination
        else Prefix(version, 0, 0)
    )
    hops = [(message.get_attr("RTA_OIF"), message.get_attr("RTA_GATEWAY"))]
    for hop in message.get_attr("RTA_MULTIPATH") or ():
        hops.append((hop["oif"], hop.get_attr("RTA_GATEWAY")))
    return [
        RouteFact(
            prefix,
            message.get_attr("RTA_TABLE") or message["table"],
            names[index],
            message.get_attr("RTA_PRIORITY") or 0,
            gateway,
            _route_mtu(message),
            message["proto"] in _CONNECTED and gateway is None,
        )
        for index, gateway in hops
        if index in names
    ]


def _route_order(route: RouteFact) -> tuple[int, int, int, int, int]:
    """Next hops of one route stay in the kernel's order, which `ip route` shows as well."""
    prefix = route.prefix
    return (prefix.family, route.table, route.metric, prefix.value, prefix.length)


def _route_mtu(message: Any) -> int | None:
    metrics = message.get_attr("RTA_METRICS")
    found = metrics.get_attr("RTAX_MTU") if metrics is not None else None
    return int(found) if found else None


def _rule(message: Any, version: int) -> PolicyRule:
    suppress = message.get_attr("FRA_SUPPRESS_PREFIXLEN")
    mark = message.get_attr("FRA_FWMARK")
    return PolicyRule(
        version,
        message.get_attr("FRA_PRIORITY") or 0,
        message.get_attr("FRA_TABLE") or message["table"],
        int(mark) if mark is not None else None,
        bool(message["flags"] & _RULE_INVERT),
        None if suppress in (None, _NONE) else int(suppress),
        any(message.get_attr(name) is not None for name in _RULE_CONDITIONS),
    )
