"""Which rule of nftables drops a packet from anywhere: the JSON is that of the real nft."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshc.node.arriving_packet import ArrivingPacket
from meshc.node.nft_verdict import nft_drops
from tests.support.netns import Namespace, namespaces, needs_root, require

pytestmark = needs_root

PORT = ArrivingPacket(4, "input", 51820)
FORWARD = ArrivingPacket(4, "forward", device="wg0")
FIREWALLD = """table inet firewalld {
  chain filter_INPUT {
    type filter hook input priority filter + 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    ct state invalid drop
    jump filter_INPUT_ZONES
    reject with icmpx admin-prohibited
  }
  chain filter_FORWARD {
    type filter hook forward priority filter + 10; policy accept;
    ct state { established, related } accept
    ct state invalid drop
    reject with icmpx admin-prohibited
  }
  chain filter_INPUT_ZONES { goto filter_IN_public; }
  chain filter_IN_public { jump filter_IN_public_allow; meta l4proto { icmp, ipv6-icmp } accept; }
  chain filter_IN_public_allow { tcp dport 22 accept; }
}
"""
CASES = [
    (FIREWALLD, PORT, ["filter_INPUT: reject"]),
    (FIREWALLD.replace("tcp dport 22 accept", "udp dport 51820 accept"), PORT, []),
    (FIREWALLD, FORWARD, ["filter_FORWARD: reject"]),
    ("table ip t { chain c { type filter hook input priority 0; policy drop; } }", PORT,
     ["c: policy drop"]),
    ("table ip6 t { chain c { type filter hook input priority 0; policy drop; } }", PORT, []),
    ("table ip filter { chain c { type filter hook input priority 0; policy drop; } }", PORT, []),
    ("table inet t { chain c { type filter hook input priority 0; udp dport 51000-52000 drop; } }",
     PORT, ["c: match drop"]),
    ("table inet t { chain c { type filter hook input priority 0; udp dport != { 53, 51820 } drop;"
     " } }", PORT, []),
    ("table inet t { chain c { type filter hook input priority 0; policy drop;"
     " ip saddr 10.0.0.0/8 accept; } }", PORT, []),
    ("table inet t { chain c { type filter hook input priority 0; limit rate 1/second drop; } }",
     PORT, []),
    ('table inet t { chain c { type filter hook forward priority 0; policy drop; iifname "wg0"'
     " accept; } }", FORWARD, []),
    ('table inet t { chain c { type filter hook forward priority 0; policy drop; iifname "br0"'
     " accept; } }", FORWARD, ["c: policy drop"]),
    ("table inet t { chain c { type filter hook input priority 0; udp dport vmap { 51820 : accept"
     " }; drop; } }", PORT, []),
]  # fmt: skip


@pytest.fixture(scope="module")
def box() -> Any:
    require("nft")
    with namespaces("box") as (one,):
        yield one


@pytest.mark.parametrize(("text", "packet", "told"), CASES)
def test_what_is_told_is_certain(
    box: Namespace, text: str, packet: ArrivingPacket, told: list[str]
) -> None:
    lines = text.replace("} }", "}\n}")
    box.run("nft", "-f", "-", input=f"flush ruleset\n{lines}\n")
    ruleset = json.loads(box.run("nft", "-j", "list", "ruleset").stdout)["nftables"]
    found = [f"{chain}: {rule}" for _, chain, rule in nft_drops(ruleset, packet)]
    assert len(found) == len(told)
    assert all(line.startswith(words) for words, line in zip(told, found, strict=True))
