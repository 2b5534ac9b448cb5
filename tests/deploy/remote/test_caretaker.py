"""What wg-quick brought up is looked after: chains, names, and an interface that has gone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.deploy.protocol import Directories
from meshc.deploy.remote import caretaker
from meshc.deploy.remote.caretaker import Caretaker, endpoint_names
from meshc.deploy.remote.managed_interface import ManagedInterface
from meshc.keys import PrivateKey
from meshc.prefixes import Prefix
from meshc.topology.planner.mesh_plan import Forwarding
from tests.support import wgconf
from tests.support.emitted_hooks import forwarding_lines
from tests.support.netns import Namespace, namespaces, needs_root, require

PEER = PrivateKey.generate().public_key()
POOL = Prefix.parse("10.44.0.0/24")
EXIT = Forwarding((4,), (POOL,), relay=True, exit=True, users=(POOL,))
CONF = """[Interface]
dns=10.44.0.1 # inside
PostUp = one
PreUp = two # really

[Peer]
PublicKey = A=
Endpoint = 192.0.2.1:51820
[peer]
endpoint = [2001:db8::1]:51820
PublicKey = B=
[Peer]
PublicKey = C=
Endpoint = vpn.example:443 # a name
"""


def test_only_names_are_looked_up() -> None:
    assert endpoint_names(CONF) == {"C=": ("vpn.example", "443")}


class Shown:
    """A caretaker of `wg9`, at whose disposal programs say what they are told to say."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        places = Directories(str(home), str(home / "state"), str(home))
        self.interface = ManagedInterface("wg9", places)
        Path(self.interface.conf).write_text(CONF)
        self.says("wg", "off")
        self.says("ip", "")
        self.says("nft", "")
        self.says("systemctl", "active")
        monkeypatch.setenv("PATH", f"{home}:/usr/bin:/bin")
        monkeypatch.setattr(caretaker, "is_up", lambda interface: self.up)
        monkeypatch.setattr(caretaker, "PATIENCE", 0)
        self.up = True

    def says(self, name: str, text: str) -> None:
        (self.home / f"{name}.says").write_text(text)
        program = self.home / name
        program.write_text(
            f'#!/bin/sh\necho "{name} $*" >> {self.home}/log\ncat {self.home}/{name}.says\n'
        )
        program.chmod(0o755)

    def calls(self, name: str) -> list[str]:
        lines = (self.home / "log").read_text().splitlines()
        return [line for line in lines if line.startswith(f"{name} ")]


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shown:
    return Shown(tmp_path, monkeypatch)


def test_an_interface_that_has_gone_is_started_again(shown: Shown) -> None:
    one = Caretaker(shown.interface, 0.0)
    assert one.look(1.0)
    assert shown.calls("systemctl") == []
    shown.up = False
    assert not one.look(2.0)
    assert shown.calls("systemctl")[-1] == "systemctl restart --no-block wg-quick@wg9.service"


@pytest.mark.parametrize("state", ["deactivating", "inactive", ""])
def test_a_unit_that_somebody_stops_stays_stopped(shown: Shown, state: str) -> None:
    one = Caretaker(shown.interface, 0.0)
    shown.up = False
    shown.says("systemctl", state)
    one.look(2.0)
    assert not [line for line in shown.calls("systemctl") if "restart" in line]


def test_flushed_rules_of_a_default_route_start_the_unit_anew(shown: Shown) -> None:
    shown.says("wg", "0xca6c")
    shown.says("ip", "32765: not from all fwmark 0xca6c lookup 51820")
    one = Caretaker(shown.interface, 0.0)
    assert one.look(11.0)
    shown.says("ip", "0: from all lookup local")
    assert not one.look(22.0)
    assert "restart" in shown.calls("systemctl")[-1]


STALE = "k\tp\t1\toff\nC=\tk\t192.0.2.9:443\t10.0.0.2/32\t{}\t1\t{}\t25\n"


def test_a_stale_name_is_looked_up_and_set(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = [(0, 0, 0, "", ("192.0.2.10", 443))]
    monkeypatch.setattr(caretaker.socket, "getaddrinfo", lambda *_, **__: addresses)
    one = Caretaker(shown.interface, 0.0)
    for handshake, sent, now in ((900, 1, 1000.0), (800, 0, 1040.0)):
        shown.says("wg", STALE.format(handshake, sent))
        assert one.look(now)
    assert not [line for line in shown.calls("wg") if " set " in line]
    shown.says("wg", STALE.format(900, 1))
    assert one.look(1080.0)
    assert shown.calls("wg")[-1] == "wg set wg9 peer C= endpoint 192.0.2.10:443"


def test_a_name_that_changed_is_set_within_150_seconds_of_the_last_handshake(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever that was between two looks."""
    addresses = [(0, 0, 0, "", ("192.0.2.10", 443))]
    monkeypatch.setattr(caretaker.socket, "getaddrinfo", lambda *_, **__: addresses)
    one = Caretaker(shown.interface, 0.0)
    one.next_rules = one.next_save = 1e9
    for handshake in (1001, 2006, 3009):
        shown.says("wg", STALE.format(handshake, 1))
        (shown.home / "log").write_text("")
        for now in range(handshake + 100, handshake + 150, 2):
            assert one.look(now)
        assert [line for line in shown.calls("wg") if " set " in line]


def test_a_name_that_only_a_dead_tunnel_knows_starts_the_unit_anew(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise OSError("no answer")

    monkeypatch.setattr(caretaker.socket, "getaddrinfo", nobody)
    shown.says("wg", STALE.format(800, 1))
    one = Caretaker(shown.interface, 0.0)
    one.routing = frozenset()
    assert one.look(1000.0), "others are to blame: names are not looked for in the tunnel"
    one.routing = frozenset({"rule -4"})
    one.next_rules = 1e9
    assert not one.look(1040.0)


@pytest.fixture
def exit_(tmp_path: Path) -> Iterator[Namespace]:
    require("wireguard-go", "wg-quick", "iptables")
    text = wgconf.interface("Address = 10.44.0.1/32", *forwarding_lines(EXIT))
    text += wgconf.peer("AllowedIPs = 10.44.0.2/32", key=PEER)
    with namespaces("exit") as (box,):
        for name in ("eth0", "eth1"):
            box.shell(f"ip link add {name} type veth peer name {name}p; ip link set {name} up")
        box.shell(
            "ip addr add 192.0.2.1/24 dev eth0; ip addr add 198.51.100.1/24 dev eth1;"
            "ip route add default via 192.0.2.2; mkdir -p /etc/wireguard;"
            "mount -t tmpfs tmpfs /etc/wireguard"
        )
        box.run("bash", "-c", "umask 077; cat > /etc/wireguard/wg0.conf", input=text)
        box.shell("WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go wg-quick up wg0")
        yield box


@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_the_lines_of_the_file_put_chains_back(exit_: Namespace) -> None:
    """As they were, after each of three accidents, and nothing is done where there was none."""
    script = (
        "from meshc.deploy.protocol import Directories\n"
        "from meshc.deploy.remote.caretaker import Caretaker\n"
        "from meshc.deploy.remote.managed_interface import ManagedInterface\n"
        "import subprocess, sys\n"
        "one = Caretaker(ManagedInterface('wg0', Directories()))\n"
        "for line in sys.argv[1:]:\n"
        "    subprocess.run(['bash', '-ec', line], check=True)\n"
        "    one.put_back_chains()\n"
    )
    before = exit_.shell("iptables-save | grep -v '^[#:]' | sort")
    accidents = [":", "iptables -F FORWARD", "iptables -t nat -F", "nft flush ruleset"]
    said = exit_.run(sys.executable, "-c", script, *accidents).stdout
    assert said.count("chains put back") == 3
    assert exit_.shell("iptables-save | grep -v '^[#:]' | sort") == before
    exit_.run(sys.executable, "-c", script, "ip route replace default via 198.51.100.2")
    moved = exit_.shell("iptables-save | grep -v '^[#:]' | sort")
    assert sorted(before.replace("eth0", "eth1").splitlines()) == sorted(moved.splitlines())
    exit_.shell("wg-quick down wg0")
    assert "MESHC" not in exit_.shell("iptables-save")
