"""A kill switch holds, or the proof says what gets past it; checked by a packet at a time."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from meshc.build.check import check_text
from meshc.diagnostics import Diagnostic
from meshc.prefixes import Prefix
from meshc.render.firewall.kill_switch import kill_switch_hooks
from meshc.topology.proof.clear_text import Leaving, passes
from meshc.topology.proof.iptables_rule import TUNNEL
from meshc.topology.proof.netfilter import Firewall

TOPOLOGY = """\
meshc: 1
network: {{name: demo, addresses: [10.44.0.0/24, "fd44::/64"], dns: 9.9.9.9}}
nodes:
  hub: {{role: relay, endpoint: {endpoint}, exit_node: true}}
  user: {{exit: hub, kill_switch: true{extra}}}
"""


def checked(text: str) -> Sequence[Diagnostic]:
    return check_text(text.encode(), file="f.yaml").findings


def faults(extra: str = "", endpoint: str = "192.0.2.1") -> list[str]:
    text = TOPOLOGY.format(extra=extra, endpoint=endpoint)
    found = [one for one in checked(text) if one.code.startswith(("E", "W443"))]
    assert {one.code for one in found} <= {"E447"}, found
    return [one.message for one in found]


@pytest.mark.parametrize("endpoint", ["192.0.2.1", "vpn.demo-vpn.net"])
@pytest.mark.parametrize("extra", ["", ", fwmark: 99", ", firewall: nftables"])
def test_what_is_written_holds_and_nothing_of_it_is_beyond_the_proof(
    extra: str, endpoint: str
) -> None:
    assert faults(extra, endpoint) == []


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("iptables -I OUTPUT -j ACCEPT", "IPv4 leaves in clear text"),
        ("ip6tables -I OUTPUT -p tcp -j ACCEPT", "IPv6 leaves in clear text"),
        ("iptables -I OUTPUT -o eth0 -d 1.0.0.0/8 -j ACCEPT", "IPv4 leaves in clear text"),
        ("iptables -I OUTPUT -o eth0 -j DROP", ""),
        ("iptables -I OUTPUT ! -o lo -d 1.0.0.0/8 -j ACCEPT", "IPv4 leaves in clear text"),
        ("iptables -D OUTPUT -j MESHC-KILL-%i", "IPv4 leaves in clear text"),
        ("iptables -F MESHC-KILL-%i", "IPv4 leaves in clear text"),
        ("nft flush ruleset", "IPv4 leaves in clear text"),
        ("iptables -I OUTPUT -p udp -m mark --mark 51820 -j DROP", ""),
        ("iptables -I OUTPUT -m mark --mark 51820 -j DROP", "own packets are held back"),
        ("iptables -I OUTPUT -o %i -j DROP", "does not even get into the tunnel"),
        (
            "ip -4 route del unreachable default metric 4278198272 table 51820",
            "IPv4 leaves by the default route when the interface goes",
        ),
        ("iptables -A OUTPUT -j ACCEPT", ""),
        ("iptables -A MESHC-KILL-%i -j ACCEPT", ""),
    ],
)
def test_a_hook_that_opens_it_is_told(hook: str, said: str) -> None:
    text = TOPOLOGY.format(extra=f', post_up: "{hook}"', endpoint="192.0.2.1")
    found = [one.message for one in checked(text) if one.code == "E447"]
    assert (said in found[0]) if said else found == []


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("nft delete table inet meshc-kill-%i", "IPv4 leaves in clear text"),
        ("nft flush ruleset", "IPv4 leaves in clear text"),
        ("nft list ruleset", ""),
    ],
)
def test_the_same_with_nft(hook: str, said: str) -> None:
    extra = f', firewall: nftables, post_up: "{hook}"'
    text = TOPOLOGY.format(extra=extra, endpoint="192.0.2.1")
    found = [one.message for one in checked(text) if one.code == "E447"]
    assert (said in found[0]) if said else found == []


def test_what_nft_is_told_besides_is_not_judged() -> None:
    hook = "nft insert rule inet meshc-kill-%i output accept"
    extra = f', firewall: nftables, post_up: "{hook}"'
    found = checked(TOPOLOGY.format(extra=extra, endpoint="192.0.2.1"))
    assert any(hook in one.message for one in found)


def outer(target: str, device: str = "", mark: int = 0) -> Leaving:
    prefix = Prefix.host(target)
    return Leaving(prefix.family, prefix.value, device, mark)


@pytest.mark.parametrize("nft", [False, True])
@pytest.mark.parametrize(
    ("packet", "leaves"),
    [
        (outer("1.1.1.1"), False),
        (outer("1.1.1.1", mark=51820), True),
        (outer("1.1.1.1", mark=51821), False),
        (outer("1.1.1.1", TUNNEL), True),
        (outer("127.0.0.1", "lo"), True),
        (outer("192.168.1.1"), True),
        (outer("10.44.0.9"), False),
        (outer("2606:4700::1"), False),
        (outer("fe80::1"), True),
        (outer("fd44::9"), False),
    ],
)
def test_packet_by_packet(packet: Leaving, leaves: bool, nft: bool) -> None:
    assert passes(Firewall.read(lines(nft=nft), "wg0"), packet) is leaves


def lines(*, nft: bool) -> tuple[str, ...]:
    pools = (Prefix.parse("10.44.0.0/24"), Prefix.parse("fd44::/64"))
    return kill_switch_hooks(51820, pools, named=False, nft=nft).post_up
