"""`meshc deploy` to real sshd: one command, every pair, and a second time nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.deploynet import TOPOLOGY, Field, field
from tests.support.netns import ROOT, needs_root

pytestmark = [*needs_root, pytest.mark.slow]
APART = {"home1", "home2"}  # they talk through the hub
ALL = ("hub", "public", "home1", "home2")


def test_one_command_brings_up_the_whole_network(tmp_path: Path) -> None:
    with field(tmp_path, *ALL) as net:
        net.write()
        net.build()
        assert net.meshc("plan", check=False).returncode == 3
        said = net.deploy("--all").stdout
        assert said.count(": deployed") == 4
        net.wait_for_traffic(*ALL)
        for name in ALL:
            assert net.leftovers(name) == ["node.json", "wg0.conf"]
            status = net.machines[name].meshc("status", "wg0", check=False).stdout
            peers = [other for other in ALL if {name, other} != APART and other != name]
            assert all(other in status for other in peers), status
            assert status.count(" live ") == len(peers), status
        again = net.deploy("--all")
        assert "Nothing to change: 4 of 4 nodes are up to date." in again.stdout
        assert net.meshc("plan").returncode == 0
        _one_of_them_cannot_be_reached(net)


def _one_of_them_cannot_be_reached(net: Field) -> None:
    """The deploy does not begin, or leaves it out where it is told so, and is not done then."""
    net.write(TOPOLOGY.replace("home2:  {", "home2:  {mtu: 1380, ") + "  later: {}\n")
    net.build()
    later, hub, home = net.address("later"), net.machines["hub"], net.machines["home2"]
    home.shell("iptables -I INPUT -p tcp --dport 22 -j REJECT --reject-with tcp-reset")
    stopped = net.deploy("--all", check=False)
    assert stopped.returncode == 1
    assert "E701" in stopped.stderr
    assert later not in hub.shell("ip route show dev wg0")
    without = net.deploy("--all", "--skip-unreachable", check=False)
    assert without.returncode == 1
    assert "home2: not begun" in without.stdout
    assert later in hub.shell("ip route show dev wg0")
    assert "Nothing to change" in net.deploy("--except", "home2").stdout
    home.shell("iptables -D INPUT 1")
    assert "home2: deployed" in net.deploy("--all").stdout


def test_keys_made_on_the_node_reload_and_drift(tmp_path: Path) -> None:
    """A private key never leaves its node; a new peer cuts no session; an edit there is seen."""
    with field(tmp_path, "hub", "public") as net:
        own = TOPOLOGY.replace("public: {", "public: {private_key_file: /etc/wireguard/own.key, ")
        net.write("".join(line for line in own.splitlines(True) if "home" not in line))
        said = net.deploy("--all")
        assert "public: made a private key in /etc/wireguard/own.key" in said.stderr
        net.wait_for_traffic("hub", "public")
        key = net.machines["public"].shell("cat /etc/wireguard/own.key").strip()
        public = net.machines["public"].shell("wg pubkey < /etc/wireguard/own.key").strip()
        here = [p.read_text() for p in net.file.parent.rglob("*") if p.is_file()]
        assert not any(key in text for text in here)
        assert public in net.file.with_suffix(".lock").read_text()

        net.write(net.file.read_text() + "  later: {}\n")
        net.build()
        link = net.machines["public"].json("ip", "-j", "link", "show", "wg0")[0]["ifindex"]
        assert "peers only" in net.deploy("--all").stdout
        assert net.machines["public"].json("ip", "-j", "link", "show", "wg0")[0]["ifindex"] == link
        assert net.machines["public"].shell("wg show wg0 public-key").strip() == public
        assert net.address("later") in net.machines["hub"].shell("ip route show dev wg0")
        net.wait_for_traffic("hub", "public")

        # what somebody changed on the running system is seen over SSH as well, and mended
        net.machines["hub"].shell("ip link set wg0 mtu 1300; iptables -F FORWARD")
        said = net.meshc("plan", check=False)
        assert said.returncode == 3
        assert "MTU 1420 (now 1300)" in said.stdout
        assert "FORWARD of iptables does not ask MESHC-FWD-wg0" in said.stdout
        net.deploy("hub")
        net.wait_for_traffic("hub", "public")
        assert net.meshc("plan").returncode == 0

        net.machines["hub"].shell("echo '# mine' >> /etc/wireguard/wg0.conf")
        refused = net.deploy("hub", check=False)
        assert refused.returncode == 1
        assert "changed by somebody else" in refused.stderr
        assert "# mine" in net.machines["hub"].shell("cat /etc/wireguard/wg0.conf")
        net.deploy("hub", "--overwrite-drift")
        assert "# mine" not in net.machines["hub"].shell("cat /etc/wireguard/wg0.conf")


def test_a_node_that_meshc_runs_is_changed_while_it_runs(tmp_path: Path) -> None:
    with field(tmp_path, "hub", "public") as net:
        hub = net.machines["hub"]
        wrapper = tmp_path / "meshc"
        wrapper.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m meshc "$@"\n')
        hub.shell(f"mount -t tmpfs tmpfs /usr/local/sbin; install {wrapper} /usr/local/sbin/meshc")
        own = TOPOLOGY.replace("198.51.100.1, user: root", "198.51.100.1, supervisor: meshc")
        text = "".join(line for line in own.splitlines(True) if "home" not in line)
        net.write(text)
        net.build()
        net.deploy("--all")
        net.wait_for_traffic("hub", "public")
        link = hub.json("ip", "-j", "link", "show", "wg0")[0]["ifindex"]

        net.write(text.replace("{role: relay,", "{role: relay, mtu: 1333,"))
        net.build()
        assert "changed while it runs" in net.deploy("hub").stdout
        now = hub.json("ip", "-j", "link", "show", "wg0")[0]
        assert (now["ifindex"], now["mtu"]) == (link, 1333)
        net.wait_for_traffic("hub", "public")


def test_a_node_that_left_is_taken_down_and_keeps_what_is_its_own(tmp_path: Path) -> None:
    with field(tmp_path, "hub", "public") as net:
        text = "".join(line for line in TOPOLOGY.splitlines(True) if "home" not in line)
        net.write(text.replace("public: {", "public: {private_key_file: /etc/wireguard/own.key, "))
        net.deploy("--all")
        net.wait_for_traffic("hub", "public")
        public = net.machines["public"]
        public.shell(
            "echo mine > /etc/wireguard/notes; sysctl -qw net.ipv4.conf.all.log_martians=1"
        )
        net.write("".join(line for line in text.splitlines(True) if "public:" not in line))
        net.build()
        planned = net.meshc("plan", check=False)
        assert "public: left the topology, and is taken down" in planned.stdout
        said = net.deploy("--all").stdout
        assert "public: taken down" in said
        assert net.leftovers("public") == ["notes", "own.key"]
        assert "wg0" not in public.shell("ip -o link")
        assert public.shell("ls -A /var/lib/meshc/deploy") == ""
        assert not [line for line in public.processes() if "wireguard" in line]
        assert "Nothing to change" in net.deploy("--all").stdout
