"""Hooks of imported files: what meshc does itself is told apart, and nothing is lost."""

from __future__ import annotations

from meshc.keys import NetworkSecret
from meshc.render.node_secrets import Secrets
from meshc.render.wgquick import render
from meshc.topology.importer.foreign_hooks import foreign_hooks
from meshc.wg.conf import parse
from tests.support import specs


def hooks(*lines: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = foreign_hooks(parse("[Interface]\n" + "".join(f"PostUp = {one}\n" for one in lines)))
    return found.kept["post_up"], found.replaced["post_up"]


def test_the_other_commands_of_a_line_survive() -> None:
    kept, replaced = hooks("sysctl -w net.ipv4.ip_forward=1; /usr/local/sbin/open-vault.sh")
    assert kept == ("/usr/local/sbin/open-vault.sh",)
    assert replaced == ("sysctl -w net.ipv4.ip_forward=1",)


def test_a_quoted_semicolon_cuts_nothing_and_a_program_stays_whole() -> None:
    forward = "iptables -A FORWARD -i wg0 -j ACCEPT"
    assert hooks(f"logger 'a; b' && {forward} && echo 2") == (
        ("logger 'a; b'; echo 2",),
        (forward,),
    )
    line = "for f in a b; do echo $f; done"
    assert hooks(line)[0] == (line,)
    line = "iptables -A FORWARD -j ACCEPT || exit 1; vault"
    assert hooks(line)[0] == (line,)


def test_a_line_of_which_nothing_is_replaced_stays_a_line() -> None:
    """wg-quick stops where a line fails; what stands before a `;` may fail."""
    line = "ip link add dummy0 type dummy; ip link set dummy0 up"
    assert hooks(line) == ((line,), ())


def test_what_meshc_wrote_comes_back_with_the_next_build() -> None:
    ours = (
        "iptables -w -N MESHC-FWD-%i",
        'sysctl -q -w net.ipv4.ip_forward=1 || [ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ]',
        '[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ] || sysctl -q -w net.ipv4.ip_forward=1',
        ": > /run/meshc/forward4/%i",
    )
    assert hooks(*ours) == ((), ())


def test_every_hook_of_every_build_is_known_as_meshc_s_own() -> None:
    """Else it would come back twice."""
    plan = specs.plan(
        specs.spec(
            [
                specs.node(
                    "hub",
                    relay=True,
                    endpoint="hub.example",
                    exit_node=True,
                    routes="192.168.7.0/24 fd99::/64",
                    underlay=(4, 6),
                ),
                specs.node("pc", exit="hub"),
            ],
            pools="10.44.0.0/24 fd44::/64",
        )
    )
    for node in plan.nodes.values():
        found = foreign_hooks(parse(render(plan, node, Secrets({}, NetworkSecret(bytes(32))))))
        assert not any(found.kept.values())
        assert not any(found.replaced.values())


def test_a_port_that_is_opened_stays_open() -> None:
    line = "iptables -I INPUT -p udp --dport 51820 -j ACCEPT"
    assert hooks(line) == ((line,), ())


def test_where_the_private_key_comes_from() -> None:
    file = foreign_hooks(parse("[Interface]\nPostUp = wg set %i private-key /etc/key; logger\n"))
    assert (file.key_file, file.kept["post_up"]) == ("/etc/key", ("logger",))
    text = "[Interface]\nPostUp = pass show wg | wg set %i private-key /dev/stdin\n"
    assert foreign_hooks(parse(text)).key_command == "pass show wg"
    text = "[Interface]\nPostUp = wg set %i private-key <(pass show wg)\n"
    assert foreign_hooks(parse(text)).key_command == "pass show wg"


def test_a_masquerade_to_everywhere_is_an_exit_s() -> None:
    def exits(rule: str) -> bool:
        return foreign_hooks(parse(f"[Interface]\nPostUp = {rule}\n")).to_internet

    assert exits("iptables -t nat -A POSTROUTING -s 10.8.0.0/24 -o eth0 -j MASQUERADE")
    assert not exits("iptables -t nat -A POSTROUTING -d 192.168.1.0/24 -j MASQUERADE")
