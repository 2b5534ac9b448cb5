"""Packets through the hooks of emitted files, with wg-quick and wireguard-go.

    laptop 10.9.1.2 ──┐                       internet: 203.0.113.9
    hub    10.9.2.2 ──┼── router of the underlay (the sandbox itself)
    office 10.9.3.2 ──┘
       └── host 192.168.7.9: knows no way to the tunnel's addresses

FORWARD is closed by policy everywhere, so that what passes was let through by our rules. The
internet takes nothing from the laptop's own address: what arrives came through the exit.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from meshc.build.pipeline import compile_file
from tests.support.sandbox import run_in_sandbox
from tests.support.workspaces import write_topology

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not shutil.which("wg-quick"), reason="needs wireguard-tools"),
]

TOPOLOGY = """\
meshc: 1
network: {name: traffic, addresses: [10.44.0.0/24, "fd44::/64"]}
nodes:
  hub: {role: relay, endpoint: 10.9.2.2, exit_node: true}
  laptop: {nat: symmetric, exit: hub}
  office: {nat: symmetric, routes: 192.168.7.0/24}
"""
UNDERLAY = """
sysctl -qw net.ipv4.ip_forward=1
ip addr add 203.0.113.9/32 dev lo
iptables -A INPUT -s 10.9.1.2 -d 203.0.113.9 -j DROP
join() {
  ip netns add $1
  ip link add $1 type veth peer name wan0 netns $1
  ip addr add 10.9.$2.1/24 dev $1; ip link set $1 up
  ip -n $1 addr add 10.9.$2.2/24 dev wan0; ip -n $1 link set wan0 up; ip -n $1 link set lo up
  ip -n $1 route add default via 10.9.$2.1
  ip netns exec $1 iptables -P FORWARD DROP; ip netns exec $1 ip6tables -P FORWARD DROP
}
join laptop 1; join hub 2; join office 3
ip netns add host
ip link add lan0 netns office type veth peer name eth0 netns host
ip -n office addr add 192.168.7.1/24 dev lan0; ip -n office link set lan0 up
ip -n host addr add 192.168.7.9/24 dev eth0; ip -n host link set eth0 up
mkdir -p /run/wireguard /run/meshc
for node in hub office laptop; do
  # a place of its own for sockets and state, held by a sleeper
  nsenter --net=/run/netns/$node unshare --mount --propagation private sh -c "
    mount -t tmpfs tmpfs /run/wireguard; mount -t tmpfs tmpfs /run/meshc
    touch /run/ready-$node; exec sleep 300" &
  declare keeper_$node=$!
  until [ -e /run/ready-$node ]; do sleep 0.05; done
done
inside() {
  keeper=keeper_$1; shift
  nsenter --mount --net --target ${!keeper} "$@"
}
for node in hub office laptop; do inside $node wg-quick up $PWD/$node/wg0.conf; done
sleep 0.5
try() { inside $1 ping -c 1 -W 5 $2 > /dev/null && echo "$1 $2 yes" || echo "$1 $2 no"; }
"""


def test_relay_router_and_exit_forward_what_they_should(tmp_path: Path) -> None:
    result = compile_file(write_topology(tmp_path, TOPOLOGY))
    nodes = result.plan.nodes
    (office4, office6) = (address.address for address in nodes["office"].addresses)
    script = (
        UNDERLAY
        + f"""
try laptop {office4}; try laptop {office6}; try laptop 192.168.7.9; try laptop 203.0.113.9
try office {nodes["laptop"].addresses[0].address}
try hub 192.168.7.9
# the office did not name the exit: it widens its own file
inside office wg set wg0 peer {nodes["hub"].public_key} allowed-ips 0.0.0.0/0,::/0
ip -n office route add 203.0.113.9 dev wg0
try office 203.0.113.9
ip -n office route del 203.0.113.9
# the exit's own uplink network, and a service that only it may ask
ip addr add 169.254.169.254/32 dev lo; ip -n hub route add 169.254.169.254 via 10.9.2.1
try hub 169.254.169.254; try laptop 169.254.169.254; try laptop 10.9.3.2
ip -n office addr add 192.168.8.1/24 dev lan0
ip -n host addr add 192.168.8.9/24 dev eth0; ip -n host route add default via 192.168.8.1
inside laptop wg set wg0 peer {nodes["hub"].public_key} allowed-ips 0.0.0.0/0,::/0
inside hub wg set wg0 peer {nodes["office"].public_key} allowed-ips {office4},192.168.0.0/16
ip -n hub route add 192.168.8.0/24 dev wg0
try laptop 192.168.8.9
ip netns exec office iptables -nvxL MESHC-FWD-wg0 | awk '$3 == "DROP" && $1 > 0 {{print "dropped"}}'
for node in laptop office hub; do inside $node wg-quick down $PWD/$node/wg0.conf; done
ip netns exec hub iptables -S FORWARD; ip netns exec hub iptables -t nat -S
"""
    )
    out = run_in_sandbox(script, cwd=result.out, timeout=120)
    assert out.splitlines() == [
        f"laptop {office4} yes",
        f"laptop {office6} yes",
        "laptop 192.168.7.9 yes",
        "laptop 203.0.113.9 yes",
        f"office {nodes['laptop'].addresses[0].address} yes",
        "hub 192.168.7.9 yes",
        "office 203.0.113.9 no",
        "hub 169.254.169.254 yes",
        "laptop 169.254.169.254 no",
        "laptop 10.9.3.2 no",
        "laptop 192.168.8.9 no",  # not in `routes`: the office does not let it through
        "dropped",
        "-P FORWARD DROP",
        "-P PREROUTING ACCEPT",
        "-P INPUT ACCEPT",
        "-P OUTPUT ACCEPT",
        "-P POSTROUTING ACCEPT",
    ]
