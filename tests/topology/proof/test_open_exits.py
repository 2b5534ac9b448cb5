"""An exit that lets out more than asked is told: the sender lies, only the exit's rules count."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.build.pipeline import compile_file
from tests.support.workspaces import write_topology

TOPOLOGY = """\
meshc: 1
network: {{name: demo, addresses: [10.44.0.0/24]}}
nodes:
  hub: {{role: relay, endpoint: 9.9.9.9, exit_node: true{extra}}}
  user: {{exit: hub}}
  stranger: {{}}
"""


def findings(tmp_path: Path, extra: str = "") -> list[str]:
    result = compile_file(write_topology(tmp_path, TOPOLOGY.format(extra=extra)))
    return [found.message for found in result.findings if found.code == "W446"]


def test_the_rules_that_are_written_let_out_the_users_to_the_internet_alone(
    tmp_path: Path,
) -> None:
    assert findings(tmp_path) == []


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("-s 10.44.0.0/24", ["lets stranger out", "through to 169.254.169.254"]),
        ("-d 1.0.0.0/8", ["lets stranger out"]),
        ("-d 192.168.0.0/16", ["through to 192.168.255.254"]),
        ("-s 10.99.0.0/16", []),
    ],
)
def test_a_rule_that_opens_more_is_told(tmp_path: Path, rule: str, said: list[str]) -> None:
    hook = f', post_up: "iptables -I FORWARD -i %i {rule} -j ACCEPT"'
    found = findings(tmp_path, hook)
    assert len(found) == len(said)
    for words, message in zip(said, found, strict=True):
        assert words in message


def test_a_network_that_routes_declares_is_meant(tmp_path: Path) -> None:
    assert findings(tmp_path, ", routes: 192.168.0.0/16") == []
