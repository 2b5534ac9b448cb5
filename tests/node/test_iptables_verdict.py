"""Which rule of an iptables dump drops a packet from anywhere, and when nothing is told."""

from __future__ import annotations

import pytest

from meshc.node.arriving_packet import ArrivingPacket
from meshc.node.iptables_verdict import iptables_drop

PORT = ArrivingPacket(4, "input", 51820)
FORWARD = ArrivingPacket(4, "forward", device="wg0")
UFW = """*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:ufw-before-input - [0:0]
:ufw-user-input - [0:0]
:ufw-not-local - [0:0]
-A INPUT -j ufw-before-input
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A ufw-before-input -p udp -m udp --sport 67 --dport 68 -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-before-input -p udp -m udp --dport 5353 -j ACCEPT
-A ufw-before-input -j ufw-user-input
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN
-A ufw-not-local -j DROP
-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT
USER
COMMIT
"""


def dump(*rules: str, policy: str = "ACCEPT") -> str:
    head = f"*filter\n:INPUT {policy} [0:0]\n:FORWARD {policy} [0:0]\n:MINE - [0:0]\n"
    return head + "".join(f"-A {rule}\n" for rule in rules) + "COMMIT\n"


def test_ufw_drops_what_nobody_allowed() -> None:
    assert iptables_drop(UFW.replace("USER\n", ""), PORT) == ("INPUT", "policy DROP")
    allowed = "-A ufw-user-input -p udp -m udp --dport 51820 -j ACCEPT\n"
    assert iptables_drop(UFW.replace("USER\n", allowed), PORT) is None
    assert iptables_drop(UFW.replace("USER\n", ""), FORWARD) == ("FORWARD", "policy DROP")


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (("INPUT -p udp -j DROP",), "-p udp -j DROP"),
        (("INPUT -p udp -m udp --dport 50000:52000 -j REJECT",), "--dport 50000:52000"),
        (("INPUT -j MINE", "MINE -p udp -j DROP"), "-p udp -j DROP"),
        (("INPUT -p tcp -j DROP",), ""),
        (("INPUT -p udp -m udp ! --dport 51820 -j DROP",), ""),
        (("INPUT -p udp -m multiport --dports 53,51820 -j DROP",), "--dports 53,51820"),
        (
            ("INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "INPUT -j DROP"),
            "-j DROP",
        ),
        # beyond this: it may let the packet in, or drop only some
        (("INPUT -s 203.0.113.0/24 -j ACCEPT", "INPUT -j DROP"), ""),
        (("INPUT -m limit --limit 1/sec -j DROP",), ""),
        (("INPUT -i eth0 -j DROP",), ""),
        (("INPUT -g MINE", "INPUT -j DROP", "MINE -p tcp -j ACCEPT"), ""),
        (("INPUT -j MINE", "INPUT -j DROP", "MINE -j RETURN"), "-j DROP"),
    ],
)
def test_what_is_told_is_certain(rules: tuple[str, ...], told: str) -> None:
    found = iptables_drop(dump(*rules), PORT)
    assert (found is not None and told in found[1]) if told else found is None


def test_our_own_chain_lets_pass_what_comes_out_of_the_tunnel() -> None:
    ours = ("FORWARD -j MINE", "MINE -i wg0 -o wg0 -j ACCEPT", "FORWARD -j DROP")
    assert iptables_drop(dump(*ours, policy="DROP"), FORWARD) is None
    assert iptables_drop(dump("FORWARD -i wg0 -j DROP"), FORWARD) == ("FORWARD", "-i wg0 -j DROP")
    assert iptables_drop(dump("FORWARD -i eth0 -j DROP"), FORWARD) is None


def test_a_chain_that_leads_to_itself_says_nothing() -> None:
    assert iptables_drop(dump("INPUT -j MINE", "MINE -j MINE", policy="DROP"), PORT) is None


def test_what_our_own_chains_drop_is_meant() -> None:
    """Only who stands before them, or in another table, is in the way."""
    rules = ("FORWARD -j MESHC-FWD-wg0", "MESHC-FWD-wg0 -i wg0 -j DROP")
    assert iptables_drop(dump(*rules, policy="DROP"), FORWARD) is None
    assert iptables_drop(dump("FORWARD -j REJECT", *rules), FORWARD) == ("FORWARD", "-j REJECT")
