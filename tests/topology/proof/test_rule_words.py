"""Nobody reads shell in a message."""

from __future__ import annotations

from meshc.topology.proof.rule_words import rule_words
from tests.support.random_topology import compiled

TOPOLOGY = """
meshc: 1
network: {name: x, addresses: [10.1.0.0/24, "fd00::/64"]}
nodes:
  hub: {role: relay, endpoint: hub.mesh.dev, exit_node: true}
  pc: {exit: hub}
"""


def test_what_finds_the_way_out_is_one_word_in_every_rule_that_is_emitted() -> None:
    made = compiled(TOPOLOGY)
    assert made is not None
    hub = next(file.conf for file in made[1] if file.name == "hub")
    rules = [line for line in hub.post_up if "route show default" in line]
    assert len(rules) > 5
    for line in rules:
        assert "WAN" in rule_words(line)
        assert "$(" not in rule_words(line)


def test_other_shell_stays_as_it_is() -> None:
    line = "iptables -A FORWARD -o $(cat /etc/wan) -j ACCEPT"
    assert rule_words(line) == line
    assert rule_words("-i %i -j DROP") == "-i %i -j DROP"
