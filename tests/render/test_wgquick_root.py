"""The emitted files in the hands of the real wg, wg-quick, iptables and sysctl."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from meshc.prefixes import Prefix
from meshc.topology.obligations.exit_surroundings import SURROUNDINGS
from meshc.topology.planner.mesh_plan import Forwarding, MeshPlan
from tests.support.keyed_plans import (
    POOLS,
    artifacts,
    full_mesh,
    private_key,
    secrets_of,
    small_plan,
)
from tests.support.sandbox import run_in_sandbox

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not shutil.which("wg-quick"), reason="needs wireguard-tools"),
]

LANS = (Prefix.parse("192.168.1.0/24"), Prefix.parse("fd00:1::/64"))
FORWARDINGS = {
    "relay": Forwarding(families=(4, 6), pools=POOLS, relay=True),
    "relay with clamp": Forwarding(families=(4, 6), pools=POOLS, relay=True, clamp_mss=True),
    "router": Forwarding(families=(4, 6), pools=POOLS, lans=LANS),
    "visible router": Forwarding(families=(4, 6), pools=POOLS, lans=LANS, masquerade=False),
    "exit": Forwarding(families=(4, 6), pools=POOLS, exit=True),
    "everything": Forwarding(
        families=(4, 6), pools=POOLS, relay=True, lans=LANS, exit=True, users=POOLS, clamp_mss=True
    ),
    "IPv4 relay": Forwarding(families=(4,), pools=POOLS[:1], relay=True),
}
# Rules and settings that were there before, some of them hardened against their defaults; none that
# is there because packets pass, which would keep forwarding on (test_forwarding_switch.py).
FOREIGN = """
ip link add wan0 type veth peer name wan1; ip link set wan1 up; ip link set wan0 up
ip addr add 203.0.113.5/24 dev wan0; ip route add default via 203.0.113.1
ip addr add 192.168.1.1/24 dev wan0
ip link add lan1 type veth peer name lan2; ip link set lan2 up; ip link set lan1 up
iptables -P FORWARD DROP; iptables -A FORWARD -i lan1 -j DROP
iptables -N MINE; iptables -A FORWARD -j MINE
iptables -t nat -A POSTROUTING -o wan0 -s 172.17.0.0/16 -j RETURN
ip6tables -A FORWARD -s fd12::/16 -j DROP; ip6tables -A INPUT -i lo -j ACCEPT
iptables -t nat -nL >/dev/null; ip6tables -t nat -nL >/dev/null; iptables -t mangle -nL >/dev/null
echo 0 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv6/conf/all/forwarding
echo 0 > /proc/sys/net/ipv4/conf/all/accept_redirects
echo 1 > /proc/sys/net/ipv4/conf/lan1/forwarding
echo 1 > /proc/sys/net/ipv6/conf/wan0/accept_ra; echo 0 > /proc/sys/net/ipv6/conf/lan1/accept_ra
state() {
  for save in iptables-save ip6tables-save; do
    for table in filter nat mangle; do $save -t $table | grep -v '^#' | sed 's/\\[.*\\]//'; done
  done
  (cd /proc/sys/net; grep -rs . ipv4/ip_forward ipv4/conf ipv6/conf | grep -v -e stable_secret) |
    sort
}
state > before
same() { state > after; diff before after > difference || { cat difference; exit 9; }; }
"""


def emit(plan: MeshPlan, path: Path) -> None:
    for artifact in artifacts(plan, secrets_of(plan)):
        target = path / artifact.path
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(artifact.content.reveal())
        target.chmod(artifact.mode)


@pytest.mark.parametrize("kind", FORWARDINGS)
def test_down_puts_back_what_was_there(kind: str, tmp_path: Path) -> None:
    emit(small_plan(forwarding=FORWARDINGS[kind]), tmp_path)
    forwarded = "net.ipv4.ip_forward net.ipv6.conf.all.forwarding"
    out = run_in_sandbox(
        FOREIGN + f"wg-quick up ./hub/wg0.conf; sysctl -n {forwarded}; iptables -S FORWARD;"
        "cat /proc/sys/net/ipv6/conf/wan0/accept_ra;"
        "wg-quick down ./hub/wg0.conf; same; ls -A /run/meshc",
        cwd=tmp_path,
    )
    lines = out.splitlines()
    ipv6 = 6 in FORWARDINGS[kind].families
    assert lines[:2] == ["1", "1" if ipv6 else "0"]
    assert "-A FORWARD -j MESHC-FWD-wg0" in lines
    assert lines[-1] == ("2" if ipv6 else "1"), "router advertisements stay believed"


def test_two_interfaces_of_one_host_do_not_disturb_each_other(tmp_path: Path) -> None:
    plan = small_plan(forwarding=FORWARDINGS["exit"])
    emit(plan, tmp_path)
    text = (tmp_path / "hub/wg0.conf").read_text()
    other = text.replace("10.44.", "10.45.").replace("fd44", "fd45").replace("51820", "51821")
    (tmp_path / "wg1.conf").write_text(other)
    (tmp_path / "wg1.conf").chmod(0o600)
    out = run_in_sandbox(
        FOREIGN + "wg-quick up ./hub/wg0.conf; wg-quick up ./wg1.conf; wg-quick down ./hub/wg0.conf"
        "; sysctl -n net.ipv4.ip_forward; iptables -S FORWARD; iptables -t nat -S"
        "; wg-quick down ./wg1.conf; same",
        cwd=tmp_path,
    )
    assert out.splitlines()[0] == "1"
    assert "MESHC-FWD-wg1" in out
    assert "MESHC-NAT-wg1 -s 10.45.0.0/16 -o wan0 -j MASQUERADE" in out
    assert "wg0" not in out


def test_what_a_killed_run_left_behind_does_not_stop_the_next(tmp_path: Path) -> None:
    emit(small_plan(forwarding=FORWARDINGS["everything"]), tmp_path)
    out = run_in_sandbox(
        FOREIGN + "wg-quick up ./hub/wg0.conf; ip link del wg0; sleep 0.3; "
        "wg-quick up ./hub/wg0.conf; iptables -S FORWARD; iptables -S MESHC-FWD-wg0;"
        "wg-quick down ./hub/wg0.conf; same",
        cwd=tmp_path,
    )
    assert out.count("-A FORWARD -j MESHC-FWD-wg0\n") == 1
    assert out.count("-A MESHC-FWD-wg0 -i wg0 -o wg0 -j ACCEPT\n") == 1


def test_rules_of_an_exit_and_router(tmp_path: Path) -> None:
    """Exactly these rules, in this order; IPv6 has no default route and so no way out."""
    emit(small_plan(forwarding=FORWARDINGS["everything"]), tmp_path)
    out = run_in_sandbox(
        FOREIGN + "wg-quick up ./hub/wg0.conf; iptables -S MESHC-FWD-wg0;"
        "iptables -t nat -S MESHC-NAT-wg0; ip6tables -t nat -S MESHC-NAT-wg0",
        cwd=tmp_path,
    )
    clamp = "-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"
    assert out.splitlines() == [
        "-N MESHC-FWD-wg0",
        f"-A MESHC-FWD-wg0 -i wg0 {clamp}",
        f"-A MESHC-FWD-wg0 -o wg0 {clamp}",
        "-A MESHC-FWD-wg0 -i wg0 -o wg0 -j ACCEPT",
        "-A MESHC-FWD-wg0 -d 192.168.1.0/24 -i wg0 -j ACCEPT",
        "-A MESHC-FWD-wg0 -s 192.168.1.0/24 -o wg0 -j ACCEPT",
        *(f"-A MESHC-FWD-wg0 -d {near} -i wg0 -o wan0 -j DROP" for near in SURROUNDINGS[4]),
        "-A MESHC-FWD-wg0 -s 10.44.0.0/16 -i wg0 -o wan0 -j ACCEPT",
        "-A MESHC-FWD-wg0 -i wan0 -o wg0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A MESHC-FWD-wg0 -i wg0 -m conntrack --ctstate DNAT -j RETURN",
        "-A MESHC-FWD-wg0 -i wg0 -j DROP",
        "-N MESHC-NAT-wg0",
        "-A MESHC-NAT-wg0 -s 10.44.0.0/16 -d 192.168.1.0/24 ! -o wg0 -j MASQUERADE",
        "-A MESHC-NAT-wg0 -s 10.44.0.0/16 -o wan0 -j MASQUERADE",
        "-N MESHC-NAT-wg0",
        "-A MESHC-NAT-wg0 -s fd44::/64 -d fd00:1::/64 ! -o wg0 -j MASQUERADE",
        "-A MESHC-NAT-wg0 -s fd44::/64 -o lo -j MASQUERADE",
    ]


def test_strip_is_silent_and_wg_shows_the_plan(tmp_path: Path) -> None:
    plan = full_mesh(3)
    hub = small_plan()
    nodes = {**plan.nodes, **hub.nodes}
    specs = {name: node.spec for name, node in nodes.items()}
    whole = replace(plan, nodes=nodes, spec=replace(plan.spec, nodes=specs))
    emit(whole, tmp_path)
    for name, node in nodes.items():
        out = run_in_sandbox(
            f"wg-quick strip ./{name}/wg0.conf > stripped 2> warnings; cat warnings >&2;"
            "[ ! -s warnings ]; ip link add wg0 type wireguard 2>/dev/null || wireguard-go wg0;"
            "sed -i s/hub.example.dev/192.0.2.9/ stripped;"
            "wg setconf wg0 stripped; wg show wg0 dump",
            cwd=tmp_path,
        )
        own, *peers = [line.split("\t") for line in out.splitlines()]
        assert own[:2] == [private_key(name).reveal(), node.public_key]
        if node.listen_port is not None:
            assert own[2] == str(node.listen_port)
        secret = secrets_of(whole).network
        assert secret is not None
        wanted = {
            peer.public_key: [
                secret.preshared_key(node.public_key, peer.public_key, 1).reveal(),
                str(peer.endpoint).replace("hub.example.dev", "192.0.2.9")
                if peer.endpoint
                else "(none)",
                ",".join(map(str, peer.allowed_ips)),
                str(peer.keepalive) if peer.keepalive else "off",
            ]
            for peer in node.peers
        }
        assert {p[0]: [p[1], p[2], _sorted(p[3], wanted[p[0]][2]), p[7]] for p in peers} == wanted


def _sorted(shown: str, wanted: str) -> str:
    """wg lists prefixes in an order of its own."""
    same = sorted(shown.split(",")) == sorted(wanted.split(","))
    return wanted if same else shown
