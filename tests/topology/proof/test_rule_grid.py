"""The grid agrees with the chains asked packet by packet."""

from __future__ import annotations

import random
from itertools import product

import pytest

from meshc.topology.proof.iptables_rule import OUTSIDE, TUNNEL, Flow
from meshc.topology.proof.netfilter import Firewall
from meshc.topology.proof.packet_grid import PacketGrid
from meshc.topology.proof.rule_grid import RuleGrid, bundles_of

UNDECIDED, ACCEPTED, DENIED, OPEN = range(4)
SERVICES = (("tcp", 22), ("tcp", 80), ("udp", 53), ("icmp", 0), ("other", 0))
ADDRESSES = [*range(0x0A000000, 0x0A000010)]


class Judged:
    """What a grid says about one packet after the other."""

    def __init__(self, firewall: Firewall) -> None:
        self.cells = PacketGrid(4, ADDRESSES, SERVICES)
        self.grid = RuleGrid(firewall, bundles_of(firewall, 4), self.cells)

    def judge(self, way_in: str, way_out: str) -> dict[tuple[int, int, int], int]:
        found = {}
        for s, rows in enumerate(self.grid.judge("FORWARD", way_in, way_out)):
            for t, v in product(range(len(ADDRESSES)), range(len(SERVICES))):
                cell = self.cells.row(1 << t, 1 << v)
                (verdict,) = [n for n, row in enumerate(rows, ACCEPTED) if row & cell] or [
                    UNDECIDED
                ]
                found[s, t, v] = verdict
        return found


def random_lines(rng: random.Random) -> list[str]:
    lines = [f"iptables -N C{n}" for n in range(3)]
    for _ in range(rng.randint(3, 14)):
        chain = rng.choice(["FORWARD", "C0", "C1", "C2"])
        deeper = ["C0", "C1", "C2"][int(chain[1:]) + 1 if chain[0] == "C" else 0 :]
        words = [f"-A {chain}"]
        if rng.random() < 0.5:
            words.append(f"{rng.choice(['', '! '])}-s 10.0.0.{rng.choice([0, 4, 8])}/30")
        if rng.random() < 0.5:
            words.append(f"-d 10.0.0.{rng.randrange(16)}")
        if rng.random() < 0.4:
            words.append(rng.choice(["-p tcp --dport 22", "-p tcp", "-p icmp", "-p udp"]))
        if rng.random() < 0.3:
            words.append("-m conntrack ! --ctstate RELATED,ESTABLISHED")
        if rng.random() < 0.3:
            words.append(rng.choice(["-i %i", "! -i %i", "-o %i"]))
        targets = [
            "-j ACCEPT",
            "-j DROP",
            "-j RETURN",
            *(f"{j} {c}" for c in deeper for j in ("-j", "-g")),
        ]
        lines.append(f"iptables {' '.join(words)} {rng.choice(targets)}")  # fmt: skip
    if rng.random() < 0.3:
        lines.append("iptables -P FORWARD DROP")
    return lines


@pytest.mark.parametrize("seed", range(60))
def test_every_packet_by_itself(seed: int) -> None:
    rng = random.Random(seed)
    firewall = Firewall.read(random_lines(rng), "wg0")
    grid = Judged(firewall)
    for way_in, way_out in ((TUNNEL, TUNNEL), (OUTSIDE, TUNNEL), (TUNNEL, OUTSIDE)):
        found = grid.judge(way_in, way_out)
        for _ in range(150):
            s, t, v = rng.randrange(16), rng.randrange(16), rng.randrange(len(SERVICES))
            flow = Flow(4, ADDRESSES[s], ADDRESSES[t], way_in, way_out, False, *SERVICES[v])
            accepted, rule = firewall.forwarding(flow)
            default = DENIED if (4, "filter", "FORWARD") in firewall.policies else UNDECIDED
            wanted = ACCEPTED if accepted else DENIED if rule else default
            assert found[s, t, v] == wanted, (flow, rule)


def test_a_rule_beyond_the_proof_leaves_its_packets_open() -> None:
    lines = ["iptables -A FORWARD -d 10.0.0.3 -m limit --limit 1/s -j DROP",
             "iptables -A FORWARD -j ACCEPT"]  # fmt: skip
    firewall = Firewall.read(lines, "wg0")
    grid = Judged(firewall)
    found = grid.judge(TUNNEL, TUNNEL)
    assert {said for (_, t, _), said in found.items() if t == 3} == {OPEN}
    assert {said for (_, t, _), said in found.items() if t != 3} == {ACCEPTED}
