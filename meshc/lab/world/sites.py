"""One router and what is behind it: a site of the file, or a lone node behind a NAT."""

from __future__ import annotations

from meshc.lab.world.draft import GATEWAY6, WorldDraft
from meshc.lab.world.member import Member
from meshc.lab.world.named_hosts import named_hosts
from meshc.lab.world.nat import Forward, Inside, Pinhole, Router, router_rules
from meshc.lab.world.outer_addresses import LAN_LENGTH, pick_host
from meshc.lab.world.place_draft import PlaceDraft
from meshc.lab.world.places import LanHost, PlaceKind, Port
from meshc.prefixes import BITS, DEFAULT_V4, DEFAULT_V6, InterfaceAddress, Prefix
from meshc.topology.language.spec import Nat, NodeSpec

WAN, LAN = "wan", "lan"


class SiteBuilder:
    """Lays out one router, its LAN and its members in a `WorldDraft`."""

    def __init__(self, draft: WorldDraft, title: str, members: list[Member]) -> None:
        self.draft, self.title, self.members = draft, title, members
        self.router = draft.place(f"nat:{title}", PlaceKind.NAT, f"router of {title}")
        self.router.forwards = True
        site = draft.spec.sites.get(title)
        self.lans = self._lans(site.lan if site else ())
        self.inside6 = draft.pool.site6()
        self.taken = {
            m.node.lan_endpoint.host for m in members if m.node.lan_endpoint is not None
        } | {address for m in members for _, address in m.endpoints}
        self.taken |= {server for lan in self.lans for server in draft.servers_in(lan)}
        self.named = self._named()
        self.taken |= {address.address for some in self.named.values() for address in some}
        self.external = draft.pool.uplink()
        self.forwards: list[Forward] = []
        self.pinholes: list[Pinhole] = []
        self.insides: list[Inside] = []
        self.open_hosts: list[str] = []
        self.owned = [self.external[4]]

    def build(self) -> None:
        self._router_lan()
        for member in self.members:
            self._attach(member)
        for member in self.members:
            self._lan_hosts(member.node)
        self._name_servers()
        self._uplink()
        self.router.rules = router_rules(
            Router(
                WAN,
                LAN,
                tuple(self.insides),
                tuple(self.forwards),
                tuple(self.pinholes),
                tuple(self.open_hosts),
                self.title in self.draft.options.accepting,
            )
        )

    def _lans(self, declared: tuple[Prefix, ...]) -> list[Prefix]:
        """The site's LANs; one is guessed around each LAN endpoint outside them."""
        lans = list(declared)
        for member in self.members:
            endpoint = member.node.lan_endpoint
            if endpoint is None or endpoint.family is None:
                continue
            host = Prefix.host(endpoint.host)
            if not any(lan.contains(host) for lan in lans):
                lans.append(Prefix.parse(f"{endpoint.host}/{LAN_LENGTH[host.family]}"))
        if not any(lan.family == 4 for lan in lans):
            lans.append(self.draft.pool.lan())
        return lans

    def _router_lan(self) -> None:
        self.router.bridges[LAN] = []
        self.gateways: dict[Prefix, str] = {}
        for lan in self.lans:
            own = pick_host(lan, self.taken)
            self.taken.add(own.address)
            self.gateways[lan] = own.address
            self.router.addresses.append((LAN, own))
        self.router.address(LAN, GATEWAY6, 64)
        own6 = pick_host(self.inside6, ())
        self.taken.add(own6.address)
        self.router.addresses.append((LAN, own6))

    def _take(self, prefix: Prefix) -> InterfaceAddress:
        address = pick_host(prefix, self.taken)
        self.taken.add(address.address)
        return address

    def _plug(self, place: PlaceDraft, name: str) -> None:
        port = f"p{len(self.router.bridges[LAN])}"
        self.router.bridges[LAN].append(port)
        self.draft.cable(name, Port(self.router.name, port), Port(place.name, "eth0"))

    def _attach(self, member: Member) -> None:
        node, draft = member.node, self.draft
        place = draft.place(node.name, PlaceKind.NODE, f"node {node.name}")
        alone = self.title == node.name
        self._plug(place, f"{node.name}:lan" if alone else node.name)
        private = self._private_address(member, place)
        inside6 = self._take(self.inside6)
        public = self._endpoints(member, place, private)
        # Global IPv6 only where the file says that the node speaks it.
        if 6 in node.underlay:
            place.address("eth0", inside6.address, self.inside6.length)
            source = next((a for a in public if ":" in a), inside6.address)
            place.route(DEFAULT_V6, "eth0", GATEWAY6, source)
            if member.nat is Nat.NONE:
                self.pinholes.append(Pinhole(source, 0))
            public = public if any(":" in a for a in public) else [*public, source]
        if 4 in node.underlay:
            gateway = next(g for lan, g in self.gateways.items() if lan.family == 4)
            open_here = next((a for a in self.open_hosts if a in public), None)
            place.route(DEFAULT_V4, "eth0", gateway, open_here or private)
        draft.uplinks[node.name] = node.name
        draft.nat_of[node.name] = self.router.name
        draft.public[node.name] = tuple(public)

    def _private_address(self, member: Member, place: PlaceDraft) -> str:
        """Gives the node its LAN addresses; the answer is the IPv4 one that it speaks from."""
        node = member.node
        fixed = node.lan_endpoint
        if fixed is not None and fixed.family is not None:
            at = Prefix.host(fixed.host)
            lan = next(lan for lan in self.lans if lan.contains(at))
            place.address("eth0", fixed.host, lan.length)
        for lan in self._joined(node):
            if not any(lan.contains(a.host) for name, a in place.addresses if name == "eth0"):
                place.addresses.append(("eth0", self._take(lan)))
        own = [a.address for name, a in place.addresses if name == "eth0"]
        if fixed is not None and fixed.family is None:
            self.draft.names.setdefault(fixed.host, own)
        return next(address for address in own if ":" not in address)

    def _joined(self, node: NodeSpec) -> list[Prefix]:
        """The LANs a node has an address in: one IPv4, all IPv6, and those it routes."""
        first = next(lan for lan in self.lans if lan.family == 4)
        if node.lan_endpoint is not None and node.lan_endpoint.family == 4:
            at = Prefix.host(node.lan_endpoint.host)
            first = next(lan for lan in self.lans if lan.contains(at))
        routed = [lan for lan in self.lans if any(lan.overlaps(p) for p in node.routes)]
        return [lan for lan in self.lans if lan.family == 6 or lan == first or lan in routed]

    def _endpoints(self, member: Member, place: PlaceDraft, private: str) -> list[str]:
        """Makes the node's endpoints work; the answer is its public addresses."""
        public: list[str] = []
        port = member.listen_port
        external = None
        for endpoint, address in member.endpoints:
            if ":" in address:
                place.address("eth0", address, BITS[6])
                self.router.route(Prefix.host(address), LAN)
                if member.opened:
                    self.pinholes.append(Pinhole(address, endpoint.port))
                self.owned.append(address)
                public.append(address)
                continue
            if address not in self.owned:
                self.owned.append(address)
            public.append(address)
            if member.nat is Nat.NONE and endpoint.port == port:
                place.address("eth0", address, BITS[4])
                self.router.route(Prefix.host(address), LAN)
                self.open_hosts.append(address)
                continue
            external = external or address
            if member.nat is not Nat.SYMMETRIC and port is not None:
                self.forwards.append(Forward(address, endpoint.port, private, port, member.opened))
        if member.nat is Nat.NONE and not member.endpoints:
            address = self.draft.pool.uplink()[4]
            place.address("eth0", address, BITS[4])
            self.router.route(Prefix.host(address), LAN)
            self.open_hosts.append(address)
            self.owned.append(address)
            return [address]
        kind = Nat.PORT_RESTRICTED if member.nat is Nat.NONE else member.nat
        self.insides.append(Inside(private, kind, external))
        return list(dict.fromkeys(public)) or [self.external[4]]

    def _named(self) -> dict[Prefix, list[InterfaceAddress]]:
        """Hosts that policies or tests name, in each routed prefix that is on one of the LANs."""
        found: dict[Prefix, list[InterfaceAddress]] = {}
        for prefix in {prefix for member in self.members for prefix in member.node.routes}:
            for lan in self.lans:
                found.setdefault(prefix, []).extend(
                    InterfaceAddress(host.family, host.value, lan.length)
                    for host in named_hosts(self.draft.spec, prefix)
                    if lan.contains(host) and host.address not in self.taken
                )
        return found

    def _lan_hosts(self, node: NodeSpec) -> None:
        """Hosts for each prefix of the site's LANs that this node routes."""
        for prefix in node.routes:
            lan = next((lan for lan in self.lans if lan.overlaps(prefix)), None)
            if lan is None:
                continue
            narrow = max(lan, prefix, key=lambda p: p.length)
            at = pick_host(narrow, self.taken, high=True)
            self.taken.add(at.address)
            self._lan_host(node, prefix, lan, at.address)
            for host in self.named[prefix]:
                self._lan_host(node, prefix, lan, host.address)

    def _lan_host(self, node: NodeSpec, prefix: Prefix, lan: Prefix, at: str) -> None:
        draft = self.draft
        name = draft.lan_name(node.name)
        host = draft.place(name, PlaceKind.LAN, f"a host on {prefix} at {self.title}")
        self._plug(host, name)
        host.address("eth0", at, lan.length)
        default = DEFAULT_V4 if lan.family == 4 else DEFAULT_V6
        host.route(default, "eth0", self.gateways[lan])
        near = next(
            a
            for port, a in draft.places[node.name].addresses
            if port == "eth0" and lan.contains(a.host)
        )
        draft.into_mesh(host, node, near)
        draft.lan_hosts.append(LanHost(name, node.name, prefix, at))

    def _name_servers(self) -> None:
        """A host for each name server in the LANs of the site; it knows nothing of the mesh."""
        for lan in self.lans:
            for server in self.draft.servers_in(lan):
                name = f"ns:{server}"
                host = self.draft.place(name, PlaceKind.LAN, f"name server at {self.title}")
                self._plug(host, name)
                host.address("eth0", server, lan.length)
                default = DEFAULT_V4 if lan.family == 4 else DEFAULT_V6
                host.route(default, "eth0", self.gateways[lan])
                self._back_to_the_mesh(host, lan)
                self.draft.serve(name, server)

    def _back_to_the_mesh(self, host: PlaceDraft, lan: Prefix) -> None:
        """Where the router of the mesh does not masquerade, its LAN has a route to the pools."""
        for member in self.members:
            if member.node.masquerade or not any(lan.overlaps(p) for p in member.node.routes):
                continue
            addresses = self.draft.places[member.node.name].addresses
            near = next(a for port, a in addresses if port == "eth0" and lan.contains(a.host))
            for prefix in self.draft.known_to(member.node):
                if prefix.family == lan.family:
                    host.route(prefix, "eth0", near.address)

    def _uplink(self) -> None:
        """The cable to the internet; addresses of hosts inside are routed here."""
        draft = self.draft
        core = draft.places["internet"]
        inside = {a for a in self.owned if ":" in a} | set(self.open_hosts)
        own = [a for a in self.owned if a not in inside] + [self.external[6]]
        if draft.carrier(self.title):
            self._behind_carrier()
            return
        draft.uplink(self.router, WAN, own, name=self.title)
        port = draft.cables[-1].left.interface
        for address in inside:
            core.route(Prefix.host(address), port, self.external[6 if ":" in address else 4])
        core.route(self.inside6, port, self.external[6])
        draft.uplinks[self.title] = self.title

    def _behind_carrier(self) -> None:
        """A second NAT between this router and the internet (RFC 6598): symmetric, the strictest.
        IPv6 is routed as usual. A forwarded port leads nowhere behind it: endpoints are dead."""
        draft = self.draft
        carrier = draft.place(f"cgnat:{self.title}", PlaceKind.CARRIER, f"carrier of {self.title}")
        carrier.forwards = True
        outside = draft.pool.uplink()
        middle, gateway = draft.pool.behind_carrier(), draft.pool.carrier_gateway
        draft.uplink(carrier, WAN, [outside[4], outside[6]], name=f"{self.title}:carrier")
        port = draft.cables[-1].left.interface
        draft.places["internet"].route(self.inside6, port, outside[6])
        draft.cable(self.title, Port(carrier.name, LAN), Port(self.router.name, WAN))
        draft.uplinks[self.title] = self.title
        carrier.address(LAN, gateway, 32)
        carrier.address(LAN, GATEWAY6, 64)
        carrier.route(f"{middle}/32", LAN)
        carrier.route(self.inside6, LAN, self.external[6])
        carrier.route(Prefix.host(self.external[6]), LAN)
        self.router.address(WAN, middle, 32)
        self.router.address(WAN, self.external[6], 128)
        self.router.route(f"{gateway}/32", WAN)
        self.router.route(DEFAULT_V4, WAN, gateway, middle)
        self.router.route(DEFAULT_V6, WAN, GATEWAY6, self.external[6])
        carrier.rules = router_rules(
            Router(
                WAN,
                LAN,
                (Inside(middle, Nat.SYMMETRIC),),
                pinholes=(Pinhole(str(self.inside6), 0),),
            )
        )
