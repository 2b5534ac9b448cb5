"""The draft of a simulated internet: its places and cables while they are being laid out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshc.errors import PrefixFormatError
from meshc.lab.world.layout_options import LayoutOptions
from meshc.lab.world.member import Member
from meshc.lab.world.named_hosts import named_hosts
from meshc.lab.world.outer_addresses import Addresses, is_public, pick_host
from meshc.lab.world.place_draft import PlaceDraft
from meshc.lab.world.places import Cable, LabWorld, LanHost, PlaceKind, Port, Shape
from meshc.prefixes import BITS, DEFAULT_V4, DEFAULT_V6, InterfaceAddress, Prefix, address_text
from meshc.topology.language.spec import Nat, NodeSpec, Platform, Spec
from meshc.wg.endpoint import Endpoint

INTERNET, PUBLIC_HOST = "internet", "host"
GATEWAY6 = "fe80::1"
APPS = frozenset({Platform.IOS, Platform.ANDROID, Platform.WINDOWS, Platform.MACOS})
# Families that the internet's own machinery uses: 1 gateway, 2 public host, 53 its resolver.
GATEWAY, HOST, RESOLVER = 1, 2, 53
# Routers' addresses on links to single hosts, which have no network to take one from: the next one
# for each, so that it says whose it is.
BESIDE = {4: Prefix.parse("169.254.76.0/32"), 6: Prefix.parse("fe80::77:0/128")}


class WorldDraft:
    """The world under construction: what `layout.py` and `SiteBuilder` both add to."""

    def __init__(
        self, spec: Spec, listen_ports: Mapping[str, int | None], options: LayoutOptions
    ) -> None:
        self.spec, self.ports, self.options = spec, listen_ports, options
        self.pool = Addresses(_used(spec))
        self.places: dict[str, PlaceDraft] = {}
        self.cables: list[Cable] = []
        self.names: dict[str, list[str]] = {}
        self.uplinks: dict[str, str] = {}
        self.nat_of: dict[str, str] = {}
        self.public: dict[str, tuple[str, ...]] = {}
        self.lan_hosts: list[LanHost] = []
        self.beyond: dict[str, str] = {}
        self.servers: dict[str, list[str]] = {}
        self.hosts = tuple(self.pool.fixed(family, HOST) for family in (4, 6))
        self.resolvers = tuple(self.pool.fixed(family, RESOLVER) for family in (4, 6))

    def place(self, name: str, kind: PlaceKind, title: str) -> PlaceDraft:
        return self.places.setdefault(name, PlaceDraft(name, kind, title))

    def cable(self, name: str, left: Port, right: Port) -> None:
        shape = self._shape(name)
        if any(cable.name == name for cable in self.cables):
            name = f"{name}:wan"  # a site may be called like one of its nodes
        self.cables.append(Cable(name, left, right, shape))

    def carrier(self, title: str) -> bool:
        """Whether a carrier's NAT sits in front of this router."""
        lab = self.spec.lab
        place = lab.sites.get(title) or lab.nodes.get(title) or lab.default
        return place.double_nat or title in self.options.carrier

    def _shape(self, name: str) -> Shape:
        """Flags first, then the file; its default is for uplinks only, not for LAN cables. What the
        topology says of an uplink's MTU holds where no flag says another."""
        lab = self.spec.lab
        node = self.spec.nodes.get(name)
        place = lab.sites.get(name) or lab.nodes.get(name)
        uplink = name in self.spec.sites or (node is not None and node.site is None)
        shape = Shape()
        if name in self.options.shapes:
            shape = self.options.shapes[name]
        elif place is None and uplink and any(self.options.shape):
            shape = self.options.shape
        elif place := place or (lab.default if uplink else None):
            rate = place.bandwidth_kbit or 0
            shape = Shape(place.latency_ms, place.jitter_ms, place.loss_percent, rate)
        if uplink and not shape.mtu:
            return shape._replace(mtu=self._uplink_mtu(name))
        return shape

    def _uplink_mtu(self, name: str) -> int:
        """What the topology says of the way to the internet, of a node or for a whole site."""
        nodes = self.spec.nodes.values()
        behind = [n.uplink_mtu for n in nodes if n.site == name or (not n.site and n.name == name)]
        return min((mtu for mtu in behind if mtu), default=0)

    def internet(self) -> None:
        """The router in the middle, and the host that plays everybody else's servers."""
        core = self.place(INTERNET, PlaceKind.INTERNET, "the internet")
        core.forwards = True
        host = self.place(PUBLIC_HOST, PlaceKind.HOST, "a host on the internet, and its resolver")
        self.beyond = dict(self._beyond())
        more = dict.fromkeys((*self._public_dns(), *self.beyond.values()))
        own = (*self.hosts, *self.resolvers)
        others = [address for address in more if address not in own]
        self.uplink(host, "eth0", [*own, *others], name="internet:host")

    def uplink(self, place: PlaceDraft, interface: str, addresses: list[str], *, name: str) -> None:
        """Cables `place` to the internet and routes its addresses there; the first address of each
        family is its source."""
        core = self.places[INTERNET]
        port = f"u{len(self.cables)}"
        self.cable(name, Port(INTERNET, port), Port(place.name, interface))
        gateway = self.pool.fixed(4, GATEWAY)
        core.address(port, gateway, 32)
        core.address(port, GATEWAY6, 64)
        first: dict[int, str] = {}
        for text in addresses:
            prefix = Prefix.host(text)
            first.setdefault(prefix.family, text)
            place.address(interface, text, BITS[prefix.family])
            core.route(prefix, port)
        if 4 in first:
            place.route(f"{gateway}/32", interface)
            place.route(DEFAULT_V4, interface, gateway, first[4])
        if 6 in first:
            place.route(DEFAULT_V6, interface, GATEWAY6, first[6])

    def member(self, node: NodeSpec) -> Member:
        """A node with its endpoints as addresses; names are entered into the DNS."""
        found: list[tuple[Endpoint, str]] = []
        literal = {e.family: e.host for e in node.endpoints if e.family is not None}
        for endpoint in node.endpoints:
            if endpoint.family is not None:
                found.append((endpoint, endpoint.host))
                continue
            if endpoint.host not in self.names:
                spare = self.pool.uplink()
                families = self._published(node, endpoint)
                self.names[endpoint.host] = [literal.get(f, spare[f]) for f in families]
            found += [(endpoint, address) for address in self.names[endpoint.host]]
        return Member(node, self._nat(node), self.ports.get(node.name), tuple(found))

    def own_lans(self, node: NodeSpec) -> None:
        """LANs behind this node that are not its site's: each gets a cable and a host."""
        done = {host.prefix for host in self.lan_hosts if host.router == node.name}
        for prefix in (p for p in node.routes if p not in done):
            self._own_lan(node, prefix, prefix)
            for host in named_hosts(self.spec, prefix):
                if host.address not in self.servers_in(prefix):
                    self._own_lan(node, prefix, host)

    def _own_lan(self, node: NodeSpec, prefix: Prefix, part: Prefix) -> None:
        """A cable to a LAN, or to one host in it, which has a cable of its own."""
        place, name = self.places[node.name], self.lan_name(node.name)
        interface = f"lan{sum(port.startswith('lan') for port in self._cabled(node.name))}"
        host = self.place(name, PlaceKind.LAN, f"a host on {prefix} behind {node.name}")
        self.cable(name, Port(node.name, interface), Port(name, "eth0"))
        if part.is_host:
            family, value, length = BESIDE[part.family]
            router = InterfaceAddress(family, value + 1 + len(self.lan_hosts), length)
            inside = InterfaceAddress(part.family, part.value, part.length)
            place.route(part, interface)
            host.route(router.host, "eth0")
        else:
            taken = [*self.servers_in(prefix), *(h.address for h in named_hosts(self.spec, prefix))]
            router = pick_host(prefix, taken)
            inside = pick_host(prefix, [router.address, *taken])
        place.addresses.append((interface, router))
        host.addresses.append(("eth0", inside))
        self.into_mesh(host, node, router)
        for server in self.servers_in(part):
            host.address("eth0", server, part.length)
            self.serve(name, server)
        self.lan_hosts.append(LanHost(name, node.name, prefix, inside.address))

    def _cabled(self, place: str) -> list[str]:
        """The interfaces of a place that have a cable away from the internet."""
        return [cable.left.interface for cable in self.cables if cable.left.place == place]

    def into_mesh(self, host: PlaceDraft, node: NodeSpec, router: InterfaceAddress) -> None:
        """The ways of a host on a LAN to the mesh: none of its own where `node` masquerades, and
        in any case that of somebody who was told."""
        default = DEFAULT_V4 if router.family == 4 else DEFAULT_V6
        host.route(default, "eth0", router.address, asking=True)
        for prefix in self.known_to(node):
            if prefix.family == router.family and not prefix.contains(router.host):
                host.route(prefix, "eth0", router.address)

    def known_to(self, node: NodeSpec) -> tuple[Prefix, ...]:
        """What the LANs behind a node have ways to: where it hides nobody, to all who come."""
        if node.masquerade:
            return ()
        others = (p for n in self.spec.nodes.values() if n is not node for p in n.routes)
        apart = (p for p in others if not any(p.overlaps(own) for own in node.routes))
        return (*self.spec.network.pools, *dict.fromkeys(apart))

    def lan_name(self, router: str) -> str:
        """A new name for a host behind `router`: lan:ROUTER, then lan:ROUTER:2, ..."""
        number = sum(host.router == router for host in self.lan_hosts) + 1
        return f"lan:{router}" if number == 1 else f"lan:{router}:{number}"

    def world(self) -> LabWorld:
        managed = set(self.ports)
        return LabWorld(
            places={name: place.done() for name, place in self.places.items()},
            cables=tuple(self.cables),
            names={name: tuple(found) for name, found in sorted(self.names.items())},
            uplinks=dict(sorted(self.uplinks.items())),
            nat_of=dict(sorted(self.nat_of.items())),
            public=dict(sorted(self.public.items())),
            lan_hosts=tuple(sorted(self.lan_hosts)),
            hosts=self.hosts,
            resolvers=self.resolvers,
            beyond=self.beyond,
            name_servers={name: tuple(found) for name, found in self.servers.items()},
            absent={name: "not in the lab" for name in self.spec.nodes if name not in managed},
        )

    def _published(self, node: NodeSpec, endpoint: Endpoint) -> list[int]:
        """The families in which a node's name resolves. IPv6 translates no ports, so whoever
        forwards another port publishes IPv4 only; so does who sits behind a symmetric NAT, which
        the language takes for a dead endpoint (over IPv6 it would work none the less)."""
        forwarded = endpoint.port != self.ports.get(node.name)
        if 4 in node.underlay and (forwarded or self._nat(node) is Nat.SYMMETRIC):
            return [4]
        return list(node.underlay)

    def _nat(self, node: NodeSpec) -> Nat:
        """The kind that is played: unknown becomes something definite."""
        if node.nat is not Nat.UNKNOWN:
            return node.nat
        if node.endpoints:
            return Nat.NONE
        return Nat.SYMMETRIC

    def _beyond(self) -> Iterator[tuple[str, str]]:
        """The prefixes on the internet that `tests:` name, or that somebody leaves out of an exit,
        with an address that stands for each."""
        inside = self._inside()
        yield from self._left_out(inside)
        for prefix in _tested(self.spec):
            if prefix.length == 0:
                yield str(prefix), self.hosts[prefix.family == 6]
            elif not any(prefix.overlaps(one) for one in inside):
                offset = 0 if prefix.last - prefix.value < 2 else 1
                yield str(prefix), address_text(prefix.family, prefix.value + offset)

    def _left_out(self, inside: list[Prefix]) -> Iterator[tuple[str, str]]:
        taken = {e.host for node in self.spec.nodes.values() for e in node.endpoints}
        for prefix in sorted({p for node in self.spec.nodes.values() for p in node.exit_except}):
            if not prefix.length or not is_public(prefix) or any(map(prefix.overlaps, inside)):
                continue
            first = 0 if prefix.last - prefix.value < 2 else 1
            values = range(prefix.value + first, min(prefix.last, prefix.value + 255) + 1)
            hosts = (address_text(prefix.family, value) for value in values)
            address = next((host for host in hosts if host not in taken), None)
            if address is not None:
                yield str(prefix), address

    def keep_sockets_out(self) -> None:
        """Where an app keeps WireGuard's sockets out of its own tunnel, a list of all the rest may
        hold the endpoints. A route to each of them stands for that here."""
        literal = [e.host for n in self.spec.nodes.values() for e in n.endpoints if e.family]
        named = [address for found in self.names.values() for address in found]
        doors = sorted({*map(Prefix.host, (*literal, *named))})
        for name in self.ports:
            node, place = self.spec.nodes[name], self.places[name]
            if not node.exit_except or node.platform not in APPS:
                continue
            ways = {route.prefix.family: route for route in place.routes if not route.prefix.length}
            for door in doors:
                way = ways.get(door.family)
                if way is not None and door.address not in self.public.get(name, ()):
                    place.route(door, way.interface, way.via, way.source)

    def _inside(self) -> list[Prefix]:
        """What is not on the internet."""
        inside = [*self.spec.network.pools]
        for site in self.spec.sites.values():
            inside += site.lan
        for node in self.spec.nodes.values():
            inside += node.routes
        return inside

    def _public_dns(self) -> list[str]:
        """Resolvers that the file names and that are on the internet, not inside the network."""
        inside = self._inside()
        texts = dict.fromkeys(self.spec.network.dns)
        texts |= dict.fromkeys(t for node in self.spec.nodes.values() for t in node.dns)
        found = []
        for text in texts:
            prefix = _literal(text)
            if prefix is None or any(p.contains(prefix) for p in inside):
                continue
            if is_public(prefix):
                found.append(prefix.address)
        return found

    def servers_in(self, lan: Prefix) -> list[str]:
        """Name servers of the file that lie in a LAN and are no node's own address there."""
        texts = dict.fromkeys(self.spec.network.dns)
        texts |= dict.fromkeys(t for node in self.spec.nodes.values() for t in node.dns)
        nodes = {p for node in self.spec.nodes.values() for p in node.addresses}
        nodes |= {
            Prefix.host(node.lan_endpoint.host)
            for node in self.spec.nodes.values()
            if node.lan_endpoint is not None and node.lan_endpoint.family is not None
        }
        known = {p.address: p for text in texts if (p := _literal(text)) is not None}
        return [text for text, p in known.items() if lan.contains(p) and p not in nodes]

    def serve(self, place: str, address: str) -> None:
        """A name server, at one of a place's addresses."""
        self.servers.setdefault(place, []).append(address)


def _used(spec: Spec) -> list[Prefix]:
    """Every prefix and address that the file mentions."""
    used = [*spec.network.pools]
    for site in spec.sites.values():
        used += site.lan
    texts = [*spec.network.dns]
    for node in spec.nodes.values():
        used += [*node.routes, *node.addresses]
        texts += [*node.dns, *(e.host for e in node.endpoints)]
        if node.lan_endpoint is not None:
            texts.append(node.lan_endpoint.host)
    used += [prefix for prefix in map(_literal, texts) if prefix is not None]
    return used + [prefix for prefix in _tested(spec) if prefix.length]


def _tested(spec: Spec) -> list[Prefix]:
    """The prefixes and addresses that `tests:` name as targets."""
    texts = (text for test in spec.tests for text in test.targets if "/" in text)
    return [Prefix.parse(text) for text in dict.fromkeys(texts)]


def _literal(text: str) -> Prefix | None:
    try:
        return Prefix.host(text)
    except PrefixFormatError:
        return None
