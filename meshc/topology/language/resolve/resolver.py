"""The sections of a file -> the `Spec`: precedence applied, names looked up, ports filled in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from meshc.diagnostics import Diagnostics
from meshc.prefixes import InterfaceAddress, Prefix
from meshc.topology.language.read.document import Document
from meshc.topology.language.read.parsed_file import Path
from meshc.topology.language.resolve.absences import take_out
from meshc.topology.language.resolve.acceptances import acceptances
from meshc.topology.language.resolve.exit_exceptions import exit_exceptions
from meshc.topology.language.resolve.key_settings import keys_spec
from meshc.topology.language.resolve.lab_section import lab_spec
from meshc.topology.language.resolve.layers import Layers
from meshc.topology.language.resolve.locations import Locations
from meshc.topology.language.resolve.output_choice import node_outputs
from meshc.topology.language.resolve.own_endpoints import (
    endpoints_of,
    lan_endpoint_of,
    underlay_of,
)
from meshc.topology.language.resolve.policies import resolve_policies
from meshc.topology.language.resolve.policy_ends import PolicyEnds
from meshc.topology.language.resolve.references import References
from meshc.topology.language.schema.scalars import WrittenEndpoint
from meshc.topology.language.spec import (
    Deploy,
    DirectMode,
    Expect,
    FirewallTool,
    LinkSpec,
    Nat,
    NetworkSpec,
    NodeSpec,
    Platform,
    Role,
    SiteSpec,
    Spec,
    TestSpec,
)
from meshc.topology.language.wording import quote

_POCKETS = ("ios", "android")  # they sleep when they are not looked at
_HOOKS = ("pre_up", "post_up", "pre_down", "post_down")
_MODES = {f"={mode.value}": mode for mode in DirectMode}


def resolve(document: Document, diagnostics: Diagnostics, today: str = "") -> Spec:
    """Makes the Spec. What is wrong is left out of it and stands in `diagnostics`. `today` is the
    date (2027-01-31) by which nodes expire; without one, none does."""
    return _Resolver(document, diagnostics, today).resolve()


class _Resolver:
    def __init__(self, document: Document, diagnostics: Diagnostics, today: str) -> None:
        self.document = document
        self.diagnostics = diagnostics
        self.references = References(document, diagnostics)
        self.network = self._network()
        self.memberships = self._memberships()
        self.layers = Layers(document, self.memberships, diagnostics)
        self.ends = PolicyEnds.of(self.references, self.network.pools, self.layers.site_of)
        self.last_days = take_out(document, self.layers, today, diagnostics)

    def resolve(self) -> Spec:
        document = self.document
        self._check_sites()
        return Spec(
            network=self.network,
            nodes={name: self._node(name) for name in sorted(document.nodes)},
            sites={name: self._site(name) for name in sorted(document.sites)},
            groups={
                name: tuple(sorted(self.references.members(name)))
                for name in sorted(document.groups)
            },
            links=self._links(),
            tests=tuple(self._tests()),
            lab=lab_spec(document, self.references),
            policies=resolve_policies(document, self.ends),
            absent=frozenset(document.absent),
            last_days=dict(sorted(self.last_days.items())),
            accept=tuple(acceptances(document, self.references)),
            keys=keys_spec(document, self.diagnostics),
            file=document.source.file,
        )

    def _network(self) -> NetworkSpec:
        data = self.document.network
        return NetworkSpec(
            name=data.get("name", "unnamed"),
            pools=networks(data.get("addresses", ())),
            domain=data.get("domain"),
            interface=data.get("interface", "wg0"),
            listen_port=data.get("listen_port", 51820),
            keepalive=data.get("keepalive", 25),
            mtu=data.get("mtu"),
            dns=tuple(data.get("dns", ())),
            preshared_keys=data.get("preshared_keys", True),
            firewall=data.get("firewall", "auto"),
            kill_switch=data.get("kill_switch", False),
            agent=data.get("agent", False),
            locations=Locations(self.document.source, ((("network",), data),)),
        )

    def _memberships(self) -> dict[str, tuple[str, ...]]:
        """node -> its groups, sorted; members that do not exist are reported."""
        found: dict[str, set[str]] = {}
        for group, data in self.document.groups.items():
            for index, name in enumerate(data.get("members", ())):
                node = self.references.node(name, ("groups", group, "members", index))
                if node is not None:
                    found.setdefault(node, set()).add(group)
        return {node: tuple(sorted(groups)) for node, groups in found.items()}

    def _check_sites(self) -> None:
        document = self.document
        tables: list[tuple[Path, Mapping[str, Any]]] = [(("defaults",), document.defaults)]
        tables += [(("groups", name), data) for name, data in document.groups.items()]
        tables += [(("nodes", name), data) for name, data in document.nodes.items()]
        for path, data in tables:
            site = data.get("site")
            if site is not None and site not in document.sites:
                self.references.unknown("site", site, (*path, "site"), tuple(document.sites))

    def _site(self, name: str) -> SiteSpec:
        data = self.document.sites[name]
        return SiteSpec(
            name=name,
            nat=Nat(data.get("nat", "unknown")),
            lan=networks(data.get("lan", ())),
            location=self.document.source.locate(("sites", name), key=True),
        )

    def _node(self, name: str) -> NodeSpec:
        data = self.layers.merge(name)
        site = self.layers.site_of(name)
        locations = self.layers.locations(name)
        listen_port = self._listen_port(data, locations)
        endpoints = endpoints_of(data.get("endpoint", ()), listen_port or self.network.listen_port)
        exit_ = self._exit(name, data, locations)
        return NodeSpec(
            name=name,
            role=Role(data.get("role", "peer")),
            site=site if site in self.document.sites else None,
            nat=Nat(data.get("nat", "unknown")),
            endpoints=endpoints,
            lan_endpoint=lan_endpoint_of(data.get("lan_endpoint")),
            underlay=underlay_of(data.get("underlay"), endpoints),
            addresses=hosts(data.get("address", ())),
            routes=networks(data.get("routes", ())),
            masquerade=data.get("masquerade", True),
            exit_node=data.get("exit_node", False),
            exit=exit_,
            exit_except=self._exit_except(data, site) if exit_ is not None else (),
            kill_switch=data.get("kill_switch", self.network.kill_switch),
            via=self._via(name, data, locations),
            direct=self._direct(name, data, locations),
            platform=Platform(data.get("platform", "linux")),
            public_key=data.get("public_key"),
            private_key_file=data.get("private_key_file"),
            private_key_command=data.get("private_key_command"),
            recipient=data.get("recipient"),
            managed=data.get("managed", True),
            listen_port=listen_port,
            open_port=data.get("open_port", False),
            mtu=data.get("mtu", self.network.mtu),
            uplink_mtu=data.get("uplink_mtu"),
            dns=tuple(data["dns"]) if "dns" in data else self._network_dns(name, data),
            table=data.get("table"),
            fwmark=data.get("fwmark") or None,
            keepalive=data.get("keepalive", self.network.keepalive),
            keepalive_asked="keepalive" in data,
            always_on=data.get("always_on", data.get("platform") not in _POCKETS),
            **_hook_lines(data),
            deploy=Deploy(**data.get("deploy", {})),
            groups=self.memberships.get(name, ()),
            firewall=FirewallTool(data.get("firewall", self.network.firewall)),
            agent=data.get("agent", self.network.agent),
            outputs=node_outputs(data),
            locations=locations,
        )

    def _listen_port(self, data: Mapping[str, Any], locations: Locations) -> int | None:
        """The node's own; else the port of its LAN endpoint, which is the socket itself; else
        that of its endpoints; else, for a node with an endpoint, the network's."""
        if "listen_port" in data:
            return int(data["listen_port"])
        lan: WrittenEndpoint | None = data.get("lan_endpoint")
        if lan is not None and lan.port:
            return lan.port
        endpoints: list[WrittenEndpoint] = data.get("endpoint", [])
        ports = {endpoint.port for endpoint in endpoints}
        named = sorted(ports - {0})
        if len(named) > 1:
            self._add(
                "E137",
                f"the endpoints have ports {named[0]} and {named[1]}; "
                "which one does the node listen on?",
                locations.path("endpoint") or (),
                "set `listen_port`.",
            )
        if endpoints and 0 in ports:
            return self.network.listen_port
        return named[0] if named else None

    def _exit(self, name: str, data: Mapping[str, Any], locations: Locations) -> str | None:
        wanted = data.get("exit")
        path = locations.path("exit")
        if wanted is None or path is None:
            return None
        if wanted == name:
            if "exit" in self.document.nodes[name]:
                self._add(
                    "E132",
                    f"{quote(name)} cannot be its own exit",
                    path,
                    "name another node, or remove the line.",
                )
            return None  # `defaults: {exit: hub}` means everybody else
        node = self.references.node(wanted, path)
        if wanted in self.document.absent:
            self._add(
                "E135",
                f"the exit of {quote(name)} is left out: without it, its traffic would go out in "
                "the clear",
                path,
                f"enable {quote(wanted)}, name another exit, or say `exit: none`.",
            )
        if node is not None and not self.layers.merge(node).get("exit_node"):
            self._add(
                "E131",
                f"{quote(node)} is no exit node",
                path,
                f"set `exit_node: true` on {quote(node)}, or name another.",
            )
        return node

    def _exit_except(self, data: Mapping[str, Any], site: str | None) -> tuple[Prefix, ...]:
        own_lan = self.document.sites.get(site or "", {}).get("lan", ())
        return exit_exceptions(data.get("exit_except", ()), own_lan)

    def _via(self, name: str, data: Mapping[str, Any], locations: Locations) -> tuple[str, ...]:
        relays: dict[str, None] = {}
        path = locations.path("via") or ()
        for index, wanted in enumerate(data.get("via", ())):
            if wanted == name:
                if "via" in self.document.nodes[name]:
                    self._add(
                        "E132",
                        f"{quote(name)} cannot be its own relay",
                        (*path, index),
                        "remove it from the list.",
                    )
                continue
            relay = self._relay(wanted, (*path, index))
            if relay is not None:
                relays[relay] = None
        return tuple(relays)

    def _relay(self, wanted: str, path: Path, *, exits: bool = False) -> str | None:
        node = self.references.node(wanted, path)
        if node is None:
            return None
        keys = self.layers.merge(node)
        if keys.get("role") != "relay" and not (exits and keys.get("exit_node")):
            self._add(
                "E131",
                f"{quote(node)} is no relay",
                path,
                f"set `role: relay` on {quote(node)}, or name another.",
            )
        return node

    def _network_dns(self, name: str, data: Mapping[str, Any]) -> tuple[str, ...]:
        """What the network says is for those who use it: a relay keeps the resolver of the place
        where it is, and one that serves the others does not ask itself."""
        if not self.network.dns:
            return ()
        own = {name, *(prefix.address for prefix in hosts(data.get("address", ())))}
        if Role(data.get("role", "peer")) is Role.RELAY or own & {*self.network.dns}:
            return ()
        return self.network.dns

    def _direct(
        self, name: str, data: Mapping[str, Any], locations: Locations
    ) -> DirectMode | tuple[str, ...]:
        names = data.get("direct")
        if names is None:
            return DirectMode.ALL
        if len(names) == 1 and names[0] in _MODES:
            return _MODES[names[0]]
        wanted = self.references.nodes(names, locations.path("direct") or ())
        return tuple(sorted(set(wanted) - {name}))

    def _links(self) -> tuple[LinkSpec, ...]:
        links: dict[tuple[str, str], LinkSpec] = {}
        for index, data in self.document.links:
            path: Path = ("links", index)
            link = self._link(data, path)
            if link is None:
                continue
            first = links.setdefault((link.a, link.b), link)
            if first is not link and first.location is not None:
                self._add(
                    "E134",
                    f"{quote(link.a)} and {quote(link.b)} already have an entry in "
                    f"line {first.location.line}",
                    path,
                    "merge the two entries.",
                )
        return tuple(links[pair] for pair in sorted(links))

    def _link(self, data: Mapping[str, Any], path: Path) -> LinkSpec | None:
        names = data["endpoints"]
        where: Path = (*path, "endpoints")
        ends = [self.references.node(name, (*where, i)) for i, name in enumerate(names)]
        if len(names) != 2:
            self._add(
                "E112",
                f"a link has two ends, got {len(names)}",
                where,
                "write one entry for each pair.",
            )
            return None
        a, b = ends
        if a is None or b is None:
            return None
        if a == b:
            self._add("E132", f"a link from {quote(a)} to itself", where, "name two nodes.")
            return None
        return LinkSpec(
            a=min(a, b),
            b=max(a, b),
            direct=data.get("direct"),
            preshared_key=data.get("preshared_key"),
            keepalive=data.get("keepalive"),
            location=self.document.source.locate(path, key=True),
        )

    def _tests(self) -> Iterator[TestSpec]:
        """Those about somebody: not where one end is nobody but nodes that are left out."""
        for index, data in self.document.tests:
            test = self._test(index, data)
            ends = ((data["from"], test.sources), (data["to"], test.targets))
            if all(found or not some or not self.ends.left_out(some) for some, found in ends):
                yield test

    def _test(self, index: int, data: Mapping[str, Any]) -> TestSpec:
        path: Path = ("tests", index)
        via = data.get("via")
        relays = None
        if via is not None:
            # a packet for the internet leaves the mesh at an exit, which is none of its ends
            found = (self._relay(n, (*path, "via", i), exits=True) for i, n in enumerate(via))
            relays = tuple(relay for relay in found if relay is not None)
        return TestSpec(
            sources=self.ends.test_end(data["from"], (*path, "from")),
            targets=self.ends.test_end(data["to"], (*path, "to")),
            expect=Expect(data.get("expect", "reachable")),
            via=relays,
            service=data.get("port"),
            location=self.document.source.locate(path, key=True),
        )

    def _add(self, code: str, message: str, path: Path, hint: str) -> None:
        self.document.report(self.diagnostics, code, message, path, hint)


def networks(written: Iterable[InterfaceAddress]) -> tuple[Prefix, ...]:
    """The prefixes without host bits, sorted, each once."""
    return tuple(sorted({address.network for address in written}))


def hosts(written: Iterable[InterfaceAddress]) -> tuple[Prefix, ...]:
    """The addresses as host prefixes, sorted."""
    return tuple(sorted({address.host for address in written}))


def _hook_lines(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(data.get(key, ())) for key in _HOOKS}
