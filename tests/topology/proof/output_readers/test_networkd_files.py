"""The files for systemd-networkd as the proof reads them, with one planted fault each."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.topology.proof.output_readers.networkd_files import read_networkd
from meshc.topology.proof.output_readers.output_reading import OutputError
from tests.support.outputs import BuiltOutputs

OTHER_KEY = "6LEQ/jz6xODHJhx+RpJ0mSFAnNr7AK+AefSqzrKVf0w="
NETDEV, NETWORK = "networkd/wg0.netdev", "networkd/wg0.network"
SCRIPT, UNIT = "networkd/wg0-hooks.sh", "networkd/wg0-hooks.service"
FAULTS = {
    "another private key": (NETDEV, r"PrivateKey=\S+", f"PrivateKey={OTHER_KEY}",
        "have another private key"),
    "a private key elsewhere": (NETDEV, r"PrivateKey=\S+", "PrivateKeyFile=/etc/k",
        "lack the private key"),
    "another PSK": (NETDEV, r"PresharedKey=\S+", f"PresharedKey={OTHER_KEY}",
        "have another pre-shared key for hub"),
    "no keepalive": (NETDEV, "PersistentKeepalive=25\n", "",
        "keep hub alive by 0 seconds, not 25"),
    "another endpoint": (NETDEV, "Endpoint=9.9.9.9:51820", "Endpoint=9.9.9.9:51821",
        "have 9.9.9.9:51821 for hub, not 9.9.9.9:51820"),
    "fewer AllowedIPs": (NETDEV, "0.0.0.0/0,::/0", "0.0.0.0/0",
        "lack the prefix of hub, ::/0"),
    "another MTU": (NETDEV, "MTUBytes=1420", "MTUBytes=1500",
        "have 1500 for MTU, not 1420"),
    "no mark": (NETDEV, "FirewallMark=51820\n", "",
        "lack the route 0.0.0.0/0 past WireGuard's packets"),
    "another address": (NETWORK, "Address=10.44.0.([0-9]+)/32", r"Address=10.44.0.\1/24",
        "lack the address 10.44.0.15/32"),
    "no address": (NETWORK, "Address=fd44.*\n", "", "lack the address fd44::f/128"),
    "a default route in the main table": (NETWORK, "Destination=0.0.0.0/0\nTable=51820",
        "Destination=0.0.0.0/0", "lack the route 0.0.0.0/0 past WireGuard's packets"),
    "no rule for what has no mark": (NETWORK, "InvertRule=yes\n", "",
        "have the route 0.0.0.0/0 in table 51820 beside"),
    "rules in the wrong order": (NETWORK, "Priority=32764", "Priority=32766",
        "lack the route 0.0.0.0/0 past WireGuard's packets"),
    "no name server": (NETWORK, "DNS=10.44.0.1\n", "", "lack the name server 10.44.0.1"),
    "names for other servers": (NETWORK, " ~.", "",
        "leave names to other servers than those of the tunnel"),
    "no search domain": (NETWORK, "field.dev ", "", "lack the search domain field.dev"),
    "another interface": (NETWORK, "Name=wg0", "Name=wg1", "have a .network that is not for wg0"),
    "up before its hooks": (NETWORK, "ActivationPolicy=manual\n", "",
        "let the link come up before its hooks have run (no ActivationPolicy=manual)"),
    "no src_valid_mark": (SCRIPT, "run 'sysctl.*\n", "",
        "do not set src_valid_mark: a strict rp_filter drops what WireGuard receives"),
    "a unit that nothing starts": (UNIT, "WantedBy=.*\n", "",
        "lack `WantedBy=sys-subsystem-net-devices-wg0.device` in the unit of the hooks"),
}  # fmt: skip
OF_THE_RELAY = {
    "a rule that is missing": (SCRIPT, r"run 'iptables -w -A MESHC-FWD-wg0 -i wg0 -j DROP'\n", "",
        "lack the hook `iptables -w -A MESHC-FWD-wg0 -i wg0 -j DROP`"),
    "a rule beside": (SCRIPT, "\n}\ndown", "\nrun 'iptables -P FORWARD ACCEPT'\n}\ndown",
        "run `iptables -P FORWARD ACCEPT`, which is no hook of the node"),
    "a failure that nobody minds": (SCRIPT, "set -e -o pipefail", "set -o pipefail",
        "cannot be used: wg0-hooks.sh: its frame is not the one that runs every hook in order"),
    "a command behind its back": (SCRIPT, "\n}\ndown", "\nnft flush ruleset\n}\ndown",
        "this is not a hook that is run"),
    "another port": (NETDEV, "ListenPort=51820", "ListenPort=51821",
        "have 51821 for ListenPort, not 51820"),
    "another peer": (NETDEV, r"PublicKey=\S+", f"PublicKey={OTHER_KEY}", "lack the peer desk"),
    "no route": (NETWORK, r"\[Route\]\nDestination=10.44.0.2/32\n", "",
        "lack the route 10.44.0.2/32"),
    "a route beside": (NETWORK, "Destination=10.44.0.2/32", "Destination=10.44.0.0/24",
        "have the route 10.44.0.0/24 beside"),
    "not WireGuard": (NETDEV, "Kind=wireguard", "Kind=dummy", "Kind is not wireguard"),
    "no section": (NETDEV, r"\[WireGuard\]", "[WireGuards]", "it has no section [WireGuard]"),
    "no number": (NETDEV, "ListenPort=51820", "ListenPort=http", "this is no port"),
}  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltOutputs:
    return BuiltOutputs(tmp_path_factory.mktemp("outputs"))


@pytest.mark.parametrize("node", ["hub", "laptop", "desk"])
def test_what_was_built_has_no_fault(built: BuiltOutputs, node: str) -> None:
    assert built.outputs[node]
    assert built.findings(node, built.outputs[node]) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_user_of_an_exit_is_found(built: BuiltOutputs, fault: str) -> None:
    file, pattern, instead, expected = FAULTS[fault]
    said = built.planted("laptop", file, pattern, instead)
    assert any(expected in line for line in said), said
    assert all(line.startswith("E456 laptop: its files for networkd ") for line in said)


@pytest.mark.parametrize("fault", OF_THE_RELAY)
def test_a_fault_of_a_relay_is_found(built: BuiltOutputs, fault: str) -> None:
    file, pattern, instead, expected = OF_THE_RELAY[fault]
    said = built.planted("hub", file, pattern, instead)
    assert any(expected in line for line in said), said
    assert all(OTHER_KEY not in line for line in said)


def test_a_file_that_is_missing_is_found(built: BuiltOutputs) -> None:
    for file in (NETDEV, NETWORK, SCRIPT, UNIT):
        assert any(line.startswith("E456") for line in built.without("hub", file)), file
    assert built.without("desk", NETWORK) == [
        "E456 desk: its files for networkd cannot be used: there are 0 .network files, where one "
        "is needed"
    ]


def test_what_nobody_knows_is_told(built: BuiltOutputs) -> None:
    said = built.planted("desk", NETWORK, "LinkLocalAddressing=no", "IPMasquerade=both")
    assert said == ["W458 desk: nothing is claimed about wg0.network: IPMasquerade in line 8"]
    said = built.planted("desk", NETWORK, r"\[Route\]", "[Address]")
    assert "W458 desk: nothing is claimed about wg0.network: section [Address] in line 13" in said


def test_route_table_makes_routes_of_allowed_ips(built: BuiltOutputs) -> None:
    """Of those who write RouteTable themselves (systemd.netdev(5), since version 250)."""
    texts = {
        "wg0.netdev": "[NetDev]\nName=wg0\nKind=wireguard\n[WireGuard]\nRouteTable=main\n"
        f"[WireGuardPeer]\nPublicKey={OTHER_KEY}\nAllowedIPs=10.0.0.0/8\nAllowedIPs=10.1.0.0/16\n"
        f"[WireGuardPeer]\nRouteTable=off\nPublicKey={OTHER_KEY}\nAllowedIPs=10.2.0.0/16\n",
        "wg0.network": "[Match]\nName=wg0\n",
    }
    routes = read_networkd(texts).routes
    assert sorted((table, str(prefix)) for table, prefix in routes) == [
        ("main", "10.0.0.0/8"),
        ("main", "10.1.0.0/16"),
    ]
    with pytest.raises(OutputError, match="not a `key=value` line"):
        read_networkd({**texts, "wg0.network": "Name=wg0\n"})


def test_the_tests_have_what_they_need(built: BuiltOutputs) -> None:
    assert Path(built.build, "laptop", SCRIPT).is_file()
