"""The survey of a real machine: what others have there is seen, and nothing is changed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from meshc.deploy.machine_facts import MachineFacts, MachineQuestion
from meshc.deploy.protocol import Directories
from meshc.deploy.remote import machine_survey
from meshc.deploy.remote.machine_survey import machine_facts
from meshc.deploy.remote.managed_interface import ManagedInterface
from tests.support.netns import Namespace, namespaces, needs_root, wait_until

ASK = """
import sys
from meshc.deploy.machine_facts import MachineQuestion
from meshc.deploy.protocol import Directories
from meshc.deploy.remote.machine_survey import machine_facts
from meshc.deploy.remote.managed_interface import ManagedInterface
question = MachineQuestion(51820, (4, 6), ("192.0.2.9", "2001:db8::9"))
print(machine_facts(ManagedInterface("wg0", Directories()), question))
"""
TAKEN = "import socket, time; s = socket.socket(type=2); s.bind(('', 51820)); time.sleep(1000)"


def asked(machine: Namespace) -> MachineFacts:
    from meshc.deploy import machine_facts as types

    said = machine.run(sys.executable, "-c", ASK).stdout
    found: MachineFacts = eval(said, vars(types))  # the repr of a value of ours
    return found


@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_what_others_have_is_seen() -> None:
    with namespaces("machine") as (machine,):
        machine.shell(
            "ip link add eth0 mtu 1492 type veth peer name far0; ip link set eth0 up;"
            "ip link set far0 up; ip addr add 192.0.2.1/24 dev eth0;"
            "ip addr add 2001:db8::1/64 dev eth0"
        )
        clean = asked(machine)
        assert (clean.holder, clean.drops, clean.closed, clean.tunnels) == ("", (), (), {})
        assert clean.valid_mark == "", "it can be written"
        assert clean.path_mtu == {"192.0.2.9": 1492, "2001:db8::9": 1492}
        assert clean.ipv6
        machine.shell(
            "ip tuntap add dev other mode tun; ip link set other up;"
            "ip route add 172.16.0.0/12 dev other; iptables -P INPUT DROP;"
            "sysctl -qw net.ipv4.ip_forward=0; mount --bind /proc/sys /proc/sys;"
            "mount -o remount,bind,ro /proc/sys"
        )
        with machine.start(sys.executable, "-c", TAKEN) as taken:
            wait_until(lambda: ":51820 " in machine.shell("ss -Hanu"))
            found = asked(machine)
            taken.kill()
        assert found.holder.endswith(f" (process {taken.pid})")
        assert [drop.where for drop in found.drops] == ["INPUT of iptables"]
        assert ("172.16.0.0/12", "other") in [(one.prefix, one.device) for one in found.routes]
        assert found.tunnels == {"other": "tun"}
        assert "/proc/sys/net/ipv4/ip_forward" in found.closed
        assert (
            found.valid_mark == machine.shell("sysctl -n net.ipv4.conf.all.src_valid_mark").strip()
        )


@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_ipv6_that_is_off_is_told() -> None:
    with namespaces("machine") as (machine,):
        machine.shell("sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
        assert not asked(machine).ipv6


def test_a_machine_without_any_tool_tells_what_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    places = Directories(str(tmp_path), str(tmp_path), str(tmp_path))
    found = machine_facts(
        ManagedInterface("wg9", places), MachineQuestion(None, (), ("192.0.2.1",))
    )
    assert (found.drops, found.routes, found.path_mtu, found.tunnels) == ((), (), {}, {})
    assert found.time > 0


@pytest.mark.parametrize("said", ["", "[", "{}", "[1]", '[{"dst": 1, "dev": 2}]'])
def test_what_a_tool_says_in_another_way_is_nothing(
    monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setattr(machine_survey, "shown", lambda argv: said)
    places = Directories("/x", "/x", "/x")
    found = machine_facts(ManagedInterface("wg9", places), MachineQuestion(None, (4,), ("::1",)))
    assert (found.drops, found.path_mtu, found.tunnels) == ((), {}, {})
