"""An obstacle is named by its chain and rule, once, with the command of the tool that made it."""

from __future__ import annotations

import pytest

from meshc.node import firewall_obstacle
from meshc.node.firewall_obstacle import FirewallTexts, obstacles_in

DROP = "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\nCOMMIT\n"


def texts(**saved: str) -> FirewallTexts:
    return FirewallTexts(lambda program: saved.get(program.replace("-", "_"), ""), [])


def test_nothing_is_in_the_way_where_nothing_is_shown() -> None:
    assert obstacles_in(texts(), 51820, (4, 6), "wg0", (4, 6)) == ()


@pytest.mark.parametrize(
    ("ufw", "words"),
    [(None, "iptables -I INPUT -p udp --dport 51820"), ("/usr/sbin/ufw", "ufw allow 51820/udp")],
)
def test_the_port_is_told_once_for_each_place(
    monkeypatch: pytest.MonkeyPatch, ufw: str | None, words: str
) -> None:
    monkeypatch.setattr(firewall_obstacle.shutil, "which", lambda _: ufw)
    found = obstacles_in(texts(iptables=DROP), 51820, (4,), "wg0", (4, 6))
    assert [str(one).partition("; ")[0] for one in found] == [
        "UDP port 51820 is dropped by `policy DROP` in INPUT of iptables"
    ]
    assert words in found[0].remedy


def test_both_back_ends_are_asked() -> None:
    found = obstacles_in(texts(ip6tables_legacy=DROP), 51820, (), "wg0", (4, 6))
    assert [one.where for one in found] == ["INPUT of ip6tables-legacy"]


def test_without_a_port_only_what_is_forwarded_matters() -> None:
    assert obstacles_in(texts(iptables=DROP), None, (4,), "wg0", (4,)) == ()
