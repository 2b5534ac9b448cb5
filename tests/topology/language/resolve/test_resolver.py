"""Precedence, ports, names: from sections to the Spec."""

from __future__ import annotations

import pytest

from meshc.diagnostics import Diagnostics
from meshc.prefixes import Prefix
from meshc.topology.language.load import load_spec
from meshc.topology.language.spec import Deploy, DirectMode, LabPlace, Nat, NodeSpec, Spec

HEAD = "meshc: 1\nnetwork: {name: demo, addresses: [10.44.0.0/16]%s}\n"


def load(body: str, network: str = "") -> Spec:
    diagnostics = Diagnostics()
    spec = load_spec(HEAD % network + body, file="f.yaml", diagnostics=diagnostics)
    assert spec is not None, list(diagnostics)
    return spec


def node(settings: str, network: str = "", more: str = "") -> NodeSpec:
    return load(f"nodes:\n  n: {{{settings}}}\n{more}", network).nodes["n"]


LAYERS = [
    ("network", ", mtu: 1300"),
    ("defaults", "defaults: {mtu: 1301}\n"),
    ("site", "sites: {home: {mtu: 1302}}\n"),
    ("group", "groups: {g: {members: [n], mtu: 1303}}\n"),
    ("node", "mtu: 1304"),
]


@pytest.mark.parametrize("present", range(1, 32))
def test_the_nearest_layer_wins(present: int) -> None:
    """All 31 combinations of layers that set a key."""
    given = [name for bit, (name, _) in enumerate(LAYERS) if present >> bit & 1]
    text = dict(LAYERS)
    body = "".join(text[name] for name in ("defaults", "site", "group") if name in given)
    if "site" not in given:
        body += "sites: {home: {}}\n"
    own = "site: home, " + (text["node"] if "node" in given else "")
    found = node(own, text["network"] if "network" in given else "", body)
    order = ["network", "defaults", "site", "group", "node"]
    assert found.mtu == 1300 + max(order.index(name) for name in given)


def test_deploy_is_merged_key_by_key() -> None:
    spec = load(
        "defaults: {deploy: {user: admin, port: 22}}\n"
        "groups: {g: {members: [a], deploy: {become: true, port: 2222}}}\n"
        "nodes: {a: {deploy: {host: box}}, b: {}}\n"
    )
    assert spec.nodes["a"].deploy == Deploy(host="box", user="admin", port=2222, become=True)
    assert spec.nodes["b"].deploy == Deploy(user="admin", port=22)


def test_a_site_may_come_from_a_group_or_from_defaults() -> None:
    spec = load(
        "defaults: {site: cell}\nsites: {home: {nat: full_cone}, cell: {nat: symmetric}}\n"
        "groups: {desks: {members: [a], site: home}}\nnodes: {a: {}, b: {}, c: {site: home}}\n"
    )
    assert {n.name: n.nat for n in spec.nodes.values()} == {
        "a": Nat.FULL_CONE, "b": Nat.SYMMETRIC, "c": Nat.FULL_CONE}  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "listen_port", "ports"),
    [
        ("endpoint: h.net", 4000, [4000]),
        ("endpoint: h.net:443", 443, [443]),
        ("endpoint: h.net:443, listen_port: 5000", 5000, [443]),
        ("endpoint: h.net, listen_port: 5000", 5000, [5000]),
        ('endpoint: [h.net, "[2a00::1]:443"]', 4000, [4000, 443]),
        ("endpoint: h.net:443, site: s, lan_endpoint: 192.168.1.2:5000", 5000, [443]),
        ("endpoint: h.net, site: s, lan_endpoint: 192.168.1.2", 4000, [4000]),
        ("site: s, lan_endpoint: 192.168.1.2", None, []),
        ("site: s, lan_endpoint: 192.168.1.2:5000", 5000, []),
        ("listen_port: 7", 7, []),
        ("", None, []),
    ],
)
def test_ports(settings: str, listen_port: int | None, ports: list[int]) -> None:
    found = node(settings, ", listen_port: 4000", "sites: {s: {}}\n")
    assert found.listen_port == listen_port
    assert [endpoint.port for endpoint in found.endpoints] == ports


@pytest.mark.parametrize(
    ("settings", "underlay"),
    [
        ("", (4, 6)),
        ("endpoint: h.net", (4, 6)),
        ("endpoint: 9.9.9.9", (4,)),
        ('endpoint: "[2a00::1]"', (6,)),
        ('endpoint: [9.9.9.9, "[2a00::1]"]', (4, 6)),
        ("endpoint: [9.9.9.9, h.net]", (4, 6)),
        ("endpoint: 9.9.9.9, underlay: [ipv6, ipv4]", (4, 6)),
        ("underlay: ipv6", (6,)),
    ],
)
def test_underlay(settings: str, underlay: tuple[int, ...]) -> None:
    assert node(settings).underlay == underlay


def test_lists_take_commas_and_prefixes_lose_host_bits() -> None:
    found = node('routes: "192.168.2.9/24, 192.168.1.0/24", dns: "1.1.1.1, lan"')
    assert found.routes == (Prefix.parse("192.168.1.0/24"), Prefix.parse("192.168.2.0/24"))
    assert found.dns == ("1.1.1.1", "lan")


def test_a_hook_keeps_its_commas() -> None:
    assert node('post_up: "iptables -m multiport --dports 1,2"').post_up == (
        "iptables -m multiport --dports 1,2",)  # fmt: skip


def test_direct_expands_groups_and_leaves_the_node_itself_out() -> None:
    spec = load(
        "groups: {g: [a, b]}\n"
        "nodes: {a: {direct: [g, c]}, b: {direct: relays}, c: {direct: none}, d: {}}\n"
    )
    assert spec.nodes["a"].direct == ("b", "c")
    assert [spec.nodes[n].direct for n in "bcd"] == [
        DirectMode.RELAYS, DirectMode.NONE, DirectMode.ALL]  # fmt: skip


def test_an_inherited_exit_does_not_count_for_the_exit_itself() -> None:
    spec = load(
        "defaults: {exit: hub, via: [hub]}\n"
        "nodes: {hub: {role: relay, endpoint: h.net, exit_node: true}, a: {}, b: {exit: none}}\n"
    )
    assert {n.name: n.exit for n in spec.nodes.values()} == {"a": "hub", "b": None, "hub": None}
    assert spec.nodes["hub"].via == ()


def test_the_ends_of_tests() -> None:
    spec = load(
        "groups: {g: [a, b]}\nnodes: {a: {}, b: {}, hub: {role: relay, endpoint: h.net}}\n"
        "tests:\n  - {from: g, to: 192.168.1.7}\n"
        "  - {from: all, to: [a, 10.0.0.0/8], via: direct}\n"
        "  - {from: a, to: b, via: [hub], expect: unreachable}\n"
    )
    assert [(t.sources, t.targets, t.via) for t in spec.tests] == [
        (("a", "b"), ("192.168.1.7/32",), None),
        (("a", "b", "hub"), ("a", "10.0.0.0/8"), ()),
        (("a",), ("b",), ("hub",)),
    ]


def test_switches() -> None:
    found = node("keepalive: off, fwmark: off, table: auto, mtu: auto", ", mtu: 1400")
    assert (found.keepalive, found.fwmark, found.table, found.mtu) == (0, None, None, None)
    found = node("fwmark: 0xca6c, table: 123, keepalive: 7")
    assert (found.keepalive, found.fwmark, found.table) == (7, 51820, "123")


def test_the_lab() -> None:
    spec = load(
        "sites: {home: {}}\nnodes: {a: {site: home}, b: {site: home}, c: {}}\n"
        "lab: {latency: 10ms, loss: 0.5%, sites: {home: {bandwidth: 1.5mbit, double_nat: true}},"
        " nodes: {b: {latency: 0.1s}}}\n"
    )
    places = [spec.lab.place(node=n, site=spec.nodes[n].site) for n in "abc"]
    assert places == [
        LabPlace(10, 0, 0.5, 1500, double_nat=True),
        LabPlace(100, 0, 0.5),
        LabPlace(10, 0, 0.5),
    ]


def test_the_order_of_the_file_does_not_matter() -> None:
    one = load("nodes: {a: {}, b: {mtu: 1400}}\nsites: {x: {}, y: {}}\ngroups: {g: [a, b]}\n")
    other = load("groups: {g: [b, a]}\nsites: {y: {}, x: {}}\nnodes: {b: {mtu: 1400}, a: {}}\n")
    assert one == other
    assert list(other.nodes) == ["a", "b"]


def test_the_dns_of_the_network_is_not_for_relays_and_not_for_the_resolver_itself() -> None:
    text = (
        "meshc: 1\nnetwork: {name: n, addresses: 10.0.0.0/24, dns: [10.0.0.7, box]}\nnodes:\n"
        "  hub: {role: relay, endpoint: hub.demo-vpn.net}\n"
        "  own: {role: relay, endpoint: own.demo-vpn.net, dns: 10.0.0.7}\n"
        "  dns: {address: 10.0.0.7}\n  box: {}\n  a: {}\n"
    )
    spec = load_spec(text, file="mesh.yaml", diagnostics=Diagnostics())
    assert spec is not None
    given = {name: node.dns for name, node in spec.nodes.items()}
    everybody = ("10.0.0.7", "box")
    assert given == {"hub": (), "own": ("10.0.0.7",), "dns": (), "box": (), "a": everybody}


def test_what_one_carries_in_a_pocket_is_not_always_on() -> None:
    """A phone sleeps; what the file says counts more."""
    assert node("").always_on
    assert not node("platform: ios").always_on
    assert not node("platform: android").always_on
    assert node("platform: ios, always_on: true").always_on
    assert not node("always_on: false").always_on
