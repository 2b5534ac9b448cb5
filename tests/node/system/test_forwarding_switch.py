"""Forwarding is on while an interface needs it, and afterwards as it was, whoever switched it.

`up` and `down` are those of `meshc` or the emitted hook lines as wg-quick runs them.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator

import pytest

from meshc.render.firewall.hook_lines import family_hooks, forward_chain
from tests.support.netns import Namespace, namespaces, needs_root, require

pytestmark = needs_root

MESHC = """
import sys
from pathlib import Path
from meshc.node.machine import Machine
from meshc.node.system.forwarding_switch import ForwardingOn
from meshc.node.system.rtnetlink import Netlink
verb, interface = sys.argv[1:]
with Netlink() as netlink:
    notes = []
    machine = Machine(netlink, Path("/run/meshc"), "", notes=notes)
    for family in (4, 6):
        change = ForwardingOn(interface, family)
        change.apply(machine) if verb == "up" else change.reverse(machine)
    print(*notes, sep="\\n")
"""
FORWARD4 = "/proc/sys/net/ipv4/ip_forward"
STATE = (
    "grep -H . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv*/conf/*/forwarding"
    " /proc/sys/net/ipv4/conf/*/accept_redirects /proc/sys/net/ipv6/conf/*/accept_ra"
)


@pytest.fixture
def host() -> Iterator[Namespace]:
    """Two networks; what comes from `lan0` is forwarded already as far as the interface goes."""
    require("iptables", "nft", "bash")
    with namespaces("host") as (one,):
        one.shell(
            "mkdir -p /run/meshc; ip link add eth0 type veth peer name far0; ip link set eth0 up\n"
            "ip link add lan0 type veth peer name far1\n"
            "echo 1 > /proc/sys/net/ipv4/conf/lan0/forwarding\n"
            "echo 0 > /proc/sys/net/ipv6/conf/lan0/accept_ra"
        )
        yield one


def act(host: Namespace, how: str, verb: str, interface: str) -> str:
    """What was said about it."""
    if how == "meshc":
        return host.run(sys.executable, "-c", MESHC, verb, interface).stdout
    hooks = [family_hooks(family, [forward_chain(["-i %i -j DROP"])]) for family in (4, 6)]
    lines = [
        line
        for one in hooks
        for line in ((*one.pre_up, *one.post_up) if verb == "up" else one.post_down)
    ]
    script = "\n".join(line.replace("%i", interface) for line in lines)
    # as wg-quick(8) does: each line in a shell that stops at the first failure
    done = host.run("bash", "-O", "extglob", "-e", "-o", "pipefail", "-c", script)
    return done.stderr


WAYS = list(itertools.product(("meshc", "hooks"), repeat=2))


@pytest.mark.parametrize(("first", "second"), WAYS)
@pytest.mark.parametrize("order", [("wg0", "wg1"), ("wg1", "wg0")])
def test_the_last_of_two_networks_puts_back_what_the_first_found(
    host: Namespace, first: str, second: str, order: tuple[str, str]
) -> None:
    before = host.shell(STATE)
    how = {"wg0": first, "wg1": second}
    for interface in ("wg0", "wg1"):
        act(host, how[interface], "up", interface)
    on = host.shell(STATE)
    assert "ip_forward:1" in on
    assert "ipv6/conf/all/forwarding:1" in on
    act(host, how[order[0]], "down", order[0])
    assert host.shell(STATE) == on, "the other one still forwards"
    act(host, how[order[1]], "down", order[1])
    assert host.shell(STATE) == before
    assert host.shell("ls /run/meshc") == ""


USERS = {
    "Docker": "ip link add docker0 type bridge",
    "libvirt": "ip link add virbr0 type bridge",
    "another tunnel": "ip tuntap add tun7 mode tun",
    "a rule that forwards": "iptables -A FORWARD -i lan0 -j ACCEPT; ip6tables -A FORWARD -j ACCEPT",
    "masquerading": "for p in iptables ip6tables; do"
    " $p -t nat -A POSTROUTING -o eth0 -j MASQUERADE; done",
    "nftables": "nft add table inet x; nft add chain inet x"
    " c '{type nat hook postrouting priority 100;}'; nft add rule inet x c oifname eth0 masquerade",
}


@pytest.mark.parametrize("how", ["meshc", "hooks"])
@pytest.mark.parametrize("user", USERS)
def test_what_others_came_to_rely_on_stays_and_it_is_said(
    host: Namespace, how: str, user: str
) -> None:
    act(host, how, "up", "wg0")
    host.shell(USERS[user])
    said = act(host, how, "down", "wg0")
    assert "stays on" in said
    assert host.shell(f"cat {FORWARD4} /proc/sys/net/ipv6/conf/all/forwarding").split() == ["1"] * 2
    assert host.shell("ls /run/meshc") == ""


@pytest.mark.parametrize("how", ["meshc", "hooks"])
def test_a_firewall_that_only_lets_answers_through_relies_on_nothing(
    host: Namespace, how: str
) -> None:
    host.shell(
        "iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT;"
        "iptables -A FORWARD -i lan0 -j DROP; iptables -A INPUT -j ACCEPT;"
        "iptables -A FORWARD -i wg0 -j ACCEPT"
    )
    before = host.shell(STATE)
    act(host, how, "up", "wg0")
    act(host, how, "down", "wg0")
    assert host.shell(STATE) == before


@pytest.mark.parametrize("how", ["meshc", "hooks"])
def test_what_somebody_changed_meanwhile_stays(host: Namespace, how: str) -> None:
    act(host, how, "up", "wg0")
    host.shell("echo 0 > /proc/sys/net/ipv4/conf/lan0/forwarding")
    act(host, how, "down", "wg0")
    found = host.shell(f"cat {FORWARD4} /proc/sys/net/ipv4/conf/lan0/forwarding").split()
    assert found == ["0", "0"], "lan0 forwarded before, but was switched off since"
    act(host, how, "up", "wg0")
    host.shell(f"echo 0 > {FORWARD4}")
    act(host, how, "down", "wg0")
    assert host.shell(f"cat {FORWARD4}") == "0\n"


@pytest.mark.parametrize("how", ["meshc", "hooks"])
def test_a_container_whose_settings_are_right_and_read_only_will_do(
    host: Namespace, how: str
) -> None:
    host.shell(
        f"echo 1 > {FORWARD4}; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding;"
        "mount --bind /proc/sys /proc/sys; mount -o remount,ro,bind /proc/sys"
    )
    before = host.shell(STATE)
    assert "accept_ra:1" in before, "a value that cannot be changed to 2"
    act(host, how, "up", "wg0")
    act(host, how, "down", "wg0")
    assert host.shell(STATE) == before
