"""What `meshc up` does by itself is what the generated hooks do under a stock wg-quick.

Two equal namespaces, one file of a real build: the rules in the firewall must be the same.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.netns import ROOT, Namespace, namespaces, needs_root, require, wait_until
from tests.support.snapshot import changed, snapshot

pytestmark = needs_root

WORLD = """
ip link add host0 type veth peer name host1
ip addr add 192.0.2.1/24 dev host0; ip addr add 2001:db8::1/64 dev host0 nodad
ip link set host0 up; ip link set host1 up
ip route add default via 192.0.2.254; ip -6 route add default via 2001:db8::ff
iptables -P FORWARD DROP; ip6tables -P FORWARD DROP
# iptables makes these on its first rule there and never takes them away
for chain in INPUT OUTPUT; do iptables -P $chain ACCEPT; ip6tables -P $chain ACCEPT; done
"""
LANS = {("every-key", "nas"): "192.168.1.10/24"}


@pytest.fixture
def twins() -> Iterator[tuple[Namespace, Namespace]]:
    require("wg-quick", "wireguard-go", "iptables", "ip6tables")
    with namespaces("stock", "ours") as (stock, ours):
        for one in (stock, ours):
            one.shell(WORLD)
        for one in (stock, ours):
            wait_until(lambda one=one: "tentative" not in one.shell("ip -6 addr"))
        yield stock, ours


@pytest.mark.parametrize(
    ("example", "node"), [("every-key", "hub"), ("every-key", "nas"), ("two-relays", "relay-eu")]
)
def test_the_same_rules_as_the_hooks(
    twins: tuple[Namespace, Namespace], tmp_path: Path, example: str, node: str
) -> None:
    stock, ours = twins
    place = tmp_path / "network"
    shutil.copytree(ROOT / "examples" / "topologies" / example, place)
    ours.meshc("build", str(place / "mesh.yaml"))
    build = place / "build"
    (conf,) = (build / node).glob("*.conf")
    # there is no name service in here; wg-quick would wait for one, and give up without resolvconf
    literal = re.sub(r"Endpoint = [a-z][^:]*:", "Endpoint = 192.0.2.7:", conf.read_text())
    conf.write_text(re.sub(r"(?m)^DNS = .*\n", "", literal))
    if (example, node) in LANS:
        for one in twins:
            one.shell(f"ip addr add {LANS[example, node]} dev host1")
    before, at_first = snapshot(ours), snapshot(stock)
    assert "MESHC-FWD" in conf.read_text()
    stock.run("wg-quick", "up", str(conf))
    said = ours.meshc("up", node, "--build", str(build), "--engine", "wireguard-go").stdout
    assert "PostUp: iptables" not in said
    for program in ("iptables-save", "ip6tables-save"):
        assert rules(ours, program) == rules(stock, program)
    for what in (
        "ip -4 route show table all",
        "ip -6 rule",
        "ip link show | grep -o 'mtu .*qdisc'",
    ):
        assert ours.shell(what) == stock.shell(what)
    names = ours.meshc("status", "--json", check=False).stdout
    assert f'"node": "{node}"' in names
    ours.meshc("down", node, "--build", str(build))
    stock.run("wg-quick", "down", str(conf))
    assert changed(before, snapshot(ours)) == {}
    # a directory of ours, and tables of iptables, stay with nothing in them
    empty = {"run", "iptables", "ip6tables", "nftables"}
    assert changed(at_first, snapshot(stock)).keys() <= empty
    assert "MESHC" not in stock.shell("iptables-save; ip6tables-save; nft list ruleset")
    assert stock.shell("ls /run/meshc") == ""


def rules(one: Namespace, program: str) -> list[str]:
    """Those in our chains and the jumps to them, in order."""
    lines = one.run(program).stdout.splitlines()
    return [line for line in lines if "MESHC" in line and not line.startswith(":")]
