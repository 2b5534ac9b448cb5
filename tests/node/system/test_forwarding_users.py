"""Who relies on forwarding, told by interfaces and rules; a machine: test_forwarding_switch.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.node.system import firewall
from meshc.node.system.forwarding_users import forwarding_users
from meshc.node.system_values import LinkFact


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that each program's -save prints; nothing of nftables."""
    lines: list[str] = []
    monkeypatch.setattr("shutil.which", lambda name: name)
    monkeypatch.setattr(firewall, "save", lambda program: "\n".join(lines))
    monkeypatch.setattr(firewall, "nft_tables", lambda: frozenset())
    return lines


def link(name: str, kind: str = "") -> LinkFact:
    return LinkFact(name, 1, kind, 1500, True)


def test_nobody(rules: list[str], tmp_path: Path) -> None:
    (tmp_path / "wg1.json").touch()
    rules += [
        "-A FORWARD -j MESHC-FWD-wg0",
        "-A MESHC-NAT-wg0 -s 10.0.0.0/8 -o eth0 -j MASQUERADE",
        "-A FORWARD -i wg0 -j ACCEPT",
        "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A FORWARD -j DROP",
        "-A INPUT -j ACCEPT",
    ]
    links = (link("eth0"), link("wg0", "wireguard"), link("wg1", "tun"), link("bridge0", "bridge"))
    assert forwarding_users(links, 4, "wg0", tmp_path) == ()


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (link("docker0", "bridge"), "the bridge docker0"),
        (link("virbr0", "bridge"), "the bridge virbr0"),
        (link("wg7", "wireguard"), "the tunnel wg7"),
        (link("tun0", "tun"), "the tunnel tun0"),
    ],
)
def test_interfaces(rules: list[str], tmp_path: Path, one: LinkFact, said: str) -> None:
    assert forwarding_users((one,), 4, "wg0", tmp_path) == (said,)


@pytest.mark.parametrize(
    "rule", ["-A FORWARD -i wg01 -j ACCEPT", "-A POSTROUTING -o eth0 -j MASQUERADE"]
)
def test_rules(rules: list[str], tmp_path: Path, rule: str) -> None:
    """`wg01` is not `wg0`."""
    rules.append(rule)
    found = forwarding_users((), 6, "wg0", tmp_path)
    assert found[0] == f"the rule `{rule}` of ip6tables"
