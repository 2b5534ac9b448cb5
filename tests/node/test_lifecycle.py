"""`up`, `reload` and `down` against real namespaces with wireguard-go."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.node.system import processes
from meshc.prefixes import Prefix
from meshc.topology.planner.mesh_plan import Forwarding
from tests.support import wgconf
from tests.support.emitted_hooks import forwarding_lines
from tests.support.frozen_agent import freeze_agent
from tests.support.netns import Namespace, namespaces, needs_root, require, wait_until
from tests.support.snapshot import changed, snapshot

pytestmark = needs_root

FOREIGN = """
ip link add host0 type veth peer name host1
ip addr add 192.0.2.1/24 dev host0
ip addr add 2001:db8::1/64 dev host0 nodad
ip link set host0 up; ip link set host1 up
ip route add default via 192.0.2.254
ip -6 route add default via 2001:db8::ff
ip rule add from 198.51.100.0/24 table 77 priority 1000
ip route add 203.0.113.0/24 dev host0 table 77
iptables -A INPUT -s 198.51.100.9 -j DROP
iptables -P FORWARD DROP
ip6tables -A FORWARD -s 2001:db8:bad::/48 -j DROP
sysctl -qw net.ipv4.conf.host0.accept_redirects=0
"""


@pytest.fixture
def host() -> Iterator[Namespace]:
    """A machine with addresses, default routes, rules and a firewall of somebody else."""
    require("wireguard-go", "ip", "iptables", "nft")
    with namespaces("host") as (one,):
        one.shell(FOREIGN)
        wait_until(lambda: "tentative" not in one.shell("ip -6 addr"), what="address detection")
        yield one


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """A file that asks for everything at once."""
    return wgconf.write(
        tmp_path / "conf",
        "wg0",
        wgconf.interface(
            "Address = 10.44.0.1/24, fd44::1/64",
            "ListenPort = 51820",
            "DNS = 10.44.0.53, corp.example",
            "PostUp = iptables -A INPUT -i %i -j ACCEPT",
            "PostDown = iptables -D INPUT -i %i -j ACCEPT",
        )
        + wgconf.peer(
            "AllowedIPs = 0.0.0.0/0, ::/0, 10.50.0.0/16",
            "Endpoint = 192.0.2.7:51820",
            "PersistentKeepalive = 25",
        ),
    )


@pytest.mark.parametrize("engine", ["wireguard-go", "bundled"])
def test_down_leaves_the_machine_as_up_found_it(host: Namespace, full: Path, engine: str) -> None:
    before = snapshot(host)
    host.meshc("up", str(full), "--engine", engine)
    assert snapshot(host) != before
    host.meshc("down", "wg0")
    assert changed(before, snapshot(host)) == {}


def test_up_twice_changes_nothing(host: Namespace, full: Path) -> None:
    host.meshc("up", str(full), "--engine", "wireguard-go")
    once = snapshot(host)
    said = host.meshc("up", str(full), "--engine", "wireguard-go").stdout
    assert "nothing to do" in said
    assert changed(once, snapshot(host)) == {}


def test_a_dry_run_touches_nothing(host: Namespace, full: Path) -> None:
    before = snapshot(host)
    said = host.meshc("up", str(full), "--engine", "wireguard-go", "--dry-run").stdout
    assert changed(before, snapshot(host)) == {}
    for words in ("create wg0", "address 10.44.0.1/24", "fwmark 51820", "PostUp: iptables"):
        assert words in said
    assert wgconf.KEY.reveal() not in said


def test_no_key_leaves_the_file(host: Namespace, full: Path) -> None:
    said = host.meshc("up", str(full), "--engine", "wireguard-go")
    status = host.meshc("status", "wg0", "--json", check=False)
    kept = host.shell("cat /run/meshc/*; cat /proc/*/cmdline | tr '\\0' ' '")
    for text in (said.stdout, said.stderr, status.stdout, kept):
        assert wgconf.KEY.reveal() not in text
        assert wgconf.KEY.raw.hex() not in text


def test_in_the_foreground_the_end_is_down(host: Namespace, full: Path) -> None:
    before = snapshot(host)
    arguments = ("up", str(full), "--engine", "wireguard-go", "--foreground")
    running = host.start(sys.executable, "-m", "meshc", *arguments, stdout=subprocess.PIPE)
    try:
        state = "cat /run/meshc/wg0.json 2>/dev/null || true"
        wait_until(lambda: '"complete": true' in host.shell(state), what="the end of up")
        # nsenter becomes the program, so that the signal reaches it
        running.send_signal(signal.SIGTERM)
        said, _ = running.communicate(timeout=60)
    finally:
        running.kill()
    assert "wg0: down" in said
    assert changed(before, snapshot(host)) == {}


def test_a_reload_that_fails_is_taken_back(host: Namespace, full: Path) -> None:
    host.meshc("up", str(full), "--engine", "wireguard-go")
    host.shell("ip route add 10.77.0.0/16 dev lo")
    before = snapshot(host)
    text = full.read_text()
    full.write_text(
        text.replace("AllowedIPs = ", "AllowedIPs = 10.66.0.0/16, 10.77.0.0/16, ").replace(
            "10.44.0.1/24", "10.44.0.1/24, 10.88.0.1/32"
        )
    )
    said = host.meshc("reload", str(full), check=False)
    assert (said.returncode, "already a route" in said.stderr) == (2, True)
    assert changed(before, snapshot(host)) == {}
    assert "10.66.0.0/16" not in host.shell("wg show wg0 allowed-ips; cat /run/meshc/wg0.json")
    full.write_text(text)
    assert "nothing to do" in host.meshc("reload", str(full)).stdout


@pytest.mark.slow
def test_down_after_a_kill_at_any_step(host: Namespace, full: Path) -> None:
    before = snapshot(host)
    for limit in range(40):
        arguments = (str(full), "wireguard-go", str(limit))
        said = host.run(sys.executable, "-m", "tests.support.killed_up", *arguments, check=False)
        if "survived" in said.stdout:
            break
        assert said.returncode == -signal.SIGKILL, said.stderr
        host.meshc("down", "wg0")
        assert changed(before, snapshot(host)) == {}, f"killed after {limit + 1} changes"
    assert limit > 15
    host.meshc("down", "wg0")
    assert changed(before, snapshot(host)) == {}


def test_up_after_a_kill_begins_anew(host: Namespace, full: Path) -> None:
    before = snapshot(host)
    arguments = (str(full), "wireguard-go", "7")
    host.run(sys.executable, "-m", "tests.support.killed_up", *arguments, check=False)
    said = host.meshc("up", str(full), "--engine", "wireguard-go")
    assert "cleaned up" in said.stderr
    assert host.meshc("status", "wg0", "--json").stdout
    host.meshc("down", "wg0")
    assert changed(before, snapshot(host)) == {}


def test_a_killed_engine_is_cleaned_up(host: Namespace, full: Path) -> None:
    before = snapshot(host)
    host.meshc("up", str(full), "--engine", "wireguard-go")
    token = json.loads(host.shell("cat /run/meshc/wg0.json"))["token"]
    freeze_agent(host)  # it would start the engine again
    (engine,) = processes.find(token)
    os.kill(engine, signal.SIGKILL)
    wait_until(lambda: not processes.find(token), what="the end of the engine")
    said = host.meshc("status", "wg0", check=False)
    assert said.returncode == 2
    assert "has ended" in said.stdout
    host.meshc("down", "wg0")
    assert changed(before, snapshot(host)) == {}


def test_down_waits_for_the_loop_that_is_putting_the_engine_back(
    host: Namespace, full: Path
) -> None:
    before = snapshot(host)
    host.meshc("up", str(full), "--engine", "wireguard-go")
    token = json.loads(host.shell("cat /run/meshc/wg0.json"))["token"]
    (engine,) = processes.find(token)
    os.kill(engine, signal.SIGKILL)
    lock = host.shell("stat -c :%i /run/meshc/wg0.lock").strip()
    wait_until(lambda: f"{lock} " in Path("/proc/locks").read_text(), what="the loop at work")
    host.meshc("down", "wg0")
    assert changed(before, snapshot(host)) == {}


def test_down_waits_for_who_works_on_the_interface(host: Namespace, full: Path) -> None:
    before = snapshot(host)
    host.meshc("up", str(full), "--engine", "wireguard-go")
    work = ("flock", "/run/meshc/wg0.lock", "sh", "-c", "echo begun; sleep 2; echo done")
    with host.start(*work, stdout=subprocess.PIPE) as working:
        assert working.stdout is not None
        assert working.stdout.readline() == "begun\n"
        host.meshc("down", "wg0")
        assert working.stdout.read() == "done\n"
    assert changed(before, snapshot(host)) == {}


def test_a_failing_hook_puts_everything_back(host: Namespace, tmp_path: Path) -> None:
    path = wgconf.write(
        tmp_path / "bad",
        "wg0",
        wgconf.interface("Address = 10.44.0.1/24", "DNS = 10.44.0.53", "PostUp = false")
        + wgconf.peer("AllowedIPs = 0.0.0.0/0, ::/0"),
    )
    before = snapshot(host)
    said = host.meshc("up", str(path), "--engine", "wireguard-go", check=False)
    assert said.returncode == 2
    assert "PostUp failed" in said.stderr
    assert changed(before, snapshot(host)) == {}


POOLS = (Prefix.parse("10.44.0.0/24"), Prefix.parse("fd44::/64"))


def test_a_failing_pre_down_stops_nothing(host: Namespace, tmp_path: Path) -> None:
    path = wgconf.write(
        tmp_path / "bad",
        "wg0",
        wgconf.interface("Address = 10.44.0.1/24", "PreDown = false", "PostDown = > /run/after")
        + wgconf.peer("AllowedIPs = 0.0.0.0/0, ::/0"),
    )
    before = snapshot(host)
    host.meshc("up", str(path), "--engine", "wireguard-go")
    assert "PreDown failed" in host.meshc("down", str(path)).stderr
    host.shell("rm /run/after")
    assert changed(before, snapshot(host)) == {}


RELAY = Forwarding(
    (4, 6), POOLS, relay=True, lans=(Prefix.parse("192.0.2.0/24"),), exit=True, clamp_mss=True
)


@pytest.fixture
def relay(tmp_path: Path) -> Path:
    """A relay that is a router and an exit as well."""
    return wgconf.write(
        tmp_path / "hub",
        "wg0",
        wgconf.interface("Address = 10.44.0.1/32, fd44::1/128", *forwarding_lines(RELAY))
        + wgconf.peer("AllowedIPs = 10.44.0.0/24, fd44::/64"),
    )


@pytest.mark.parametrize("program", ["iptables", "iptables-legacy"])
def test_a_relay_forwards_and_then_does_not(host: Namespace, relay: Path, program: str) -> None:
    if program == "iptables-legacy":
        host.shell("nft flush ruleset; iptables-legacy -P FORWARD DROP")
        host.shell("ip6tables-legacy -A FORWARD -s 2001:db8:bad::/48 -j DROP")
    before = snapshot(host)
    host.meshc("up", str(relay), "--engine", "wireguard-go")
    rules = host.shell(f"{program}-save")
    assert "-A FORWARD -j MESHC-FWD-wg0" in rules
    assert "-A MESHC-NAT-wg0 -s 10.44.0.0/24 -o host0 -j MASQUERADE" in rules
    assert "TCPMSS --clamp-mss-to-pmtu" in rules
    assert host.shell("sysctl -n net.ipv4.ip_forward").strip() == "1"
    assert host.shell("sysctl -n net.ipv6.conf.all.forwarding").strip() == "1"
    assert "nothing to do" in host.meshc("up", str(relay)).stdout
    assert (
        host.meshc("reload", str(relay), "--dry-run").stdout.strip().endswith("nothing to change")
    )
    host.meshc("down", "wg0")
    assert changed(before, snapshot(host)) == {}


@pytest.mark.parametrize("off", ["all", "default and eth0"])
def test_where_ipv6_is_off_it_is_left_out_and_said(tmp_path: Path, off: str) -> None:
    """An exit user's `::/0` could not be routed, and nothing of IPv6 can leave the machine."""
    require("wireguard-go")
    path = wgconf.write(
        tmp_path / "box",
        "wg0",
        wgconf.interface("Address = 10.44.0.1/32, fd44::1/128")
        + wgconf.peer("AllowedIPs = 0.0.0.0/0, ::/0", "Endpoint = 192.0.2.7:51820"),
    )
    with namespaces("host") as (host,):
        host.shell(
            "ip link add eth0 type veth peer name far0; ip link set eth0 up; ip link set far0 up\n"
            "ip addr add 192.0.2.1/24 dev eth0; ip route add default via 192.0.2.7\n"
            "sysctl -qw net.ipv6.conf.all.disable_ipv6=1"
        )
        if off != "all":
            host.shell(
                "sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default."
                "disable_ipv6=1 net.ipv6.conf.eth0.disable_ipv6=1 net.ipv6.conf.far0.disable_ipv6=1"
            )
        before = snapshot(host)
        said = host.meshc("up", str(path), "--engine", "wireguard-go")
        assert "IPv6 is off on this machine; left out: fd44::1/128, the route ::/0" in said.stderr
        assert "dev wg0" in host.shell("ip route get 1.1.1.1")
        assert "nothing to do" in host.meshc("reload", str(path)).stdout
        assert host.shell("ip -6 route get 2606:4700::1 2>&1 || true").startswith("RTNETLINK")
        host.meshc("down", "wg0")
        assert changed(before, snapshot(host)) == {}


def test_ipv6_that_the_machine_has_is_never_left_beside_the_tunnel(tmp_path: Path) -> None:
    """Only new interfaces have none here: eth0 would go on sending, so `up` is refused."""
    require("wireguard-go")
    path = wgconf.write(
        tmp_path / "box",
        "wg0",
        wgconf.interface("Address = 10.44.0.1/32") + wgconf.peer("AllowedIPs = 0.0.0.0/0, ::/0"),
    )
    with namespaces("host") as (host,):
        host.shell(
            "ip link add eth0 type veth peer name far0; ip link set eth0 up; ip link set far0 up\n"
            "sysctl -qw net.ipv6.conf.default.disable_ipv6=1"
        )
        said = host.meshc("up", str(path), "--engine", "wireguard-go", check=False)
        assert said.returncode == 2
