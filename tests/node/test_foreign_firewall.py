"""A foreign firewall that keeps the network dead is named, by `up` and by `status`."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.prefixes import Prefix
from meshc.topology.planner.mesh_plan import Forwarding
from tests.support import wgconf
from tests.support.emitted_hooks import forwarding_lines
from tests.support.netns import Namespace, namespaces, needs_root, require

pytestmark = needs_root

RELAY = Forwarding((4,), (Prefix.parse("10.44.0.0/24"),), relay=True)
FIREWALLS = {
    "iptables -P INPUT DROP": [
        "UDP port 51820 is dropped by `policy DROP` in INPUT of iptables",
        "--dport 51820 -j ACCEPT",
    ],
    "iptables-legacy -A INPUT -p udp -j REJECT": ["in INPUT of iptables-legacy"],
    "nft add table inet mine; nft add chain inet mine f '{ type filter hook forward priority 0;"
    " policy drop; }'": [
        "what wg0 forwards is dropped by `policy drop` in chain f of nft table inet mine",
        "`nft insert rule inet mine f iifname wg0 accept`",
    ],
    "nft add table inet firewalld; nft add chain inet firewalld i '{ type filter hook input"
    " priority 0; policy drop; }'": ["`firewall-cmd --add-port=51820/udp` opens it"],
}


@pytest.fixture
def host() -> Namespace:
    require("wireguard-go", "iptables", "nft")
    with namespaces("host") as (one,):
        one.shell("ip link add eth0 type veth peer name far0; ip link set eth0 up")
        yield one


def test_each_kind_is_named_with_what_opens_it(host: Namespace, tmp_path: Path) -> None:
    text = wgconf.interface(
        "Address = 10.44.0.1/32", "ListenPort = 51820", *forwarding_lines(RELAY)
    )
    path = str(wgconf.write(tmp_path, "wg0", text))
    assert host.meshc("up", path, "--engine", "wireguard-go").stderr == ""
    assert host.meshc("status").returncode == 0
    host.meshc("down", "wg0")
    for command, words in FIREWALLS.items():
        legacy = command.startswith("iptables-legacy")
        if legacy and host.run("iptables-legacy", "-nL", check=False).returncode:
            continue  # this kernel has no old tables
        host.shell(command)
        before = host.shell("nft list tables | grep inet | xargs -r nft list || true")
        said = host.meshc("up", path, "--engine", "wireguard-go").stderr
        status = host.meshc("status", check=False)
        assert status.returncode == 1
        told = " ".join(status.stdout.split())
        for word in words:
            assert word in said
            assert word in told
        host.meshc("down", "wg0")
        after = host.shell("nft list tables | grep inet | xargs -r nft list || true")
        assert after == before, "it looks, and touches nothing"
        host.shell("iptables -P INPUT ACCEPT; nft flush ruleset")
        host.run("iptables-legacy", "-F", check=False)
