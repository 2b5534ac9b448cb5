"""What holds IPv6 back is proven from the file, or the proof says what gets out; against a walk
through the rules, packet by packet, that knows nothing of the reader."""

from __future__ import annotations

import random
import re
import shlex

import pytest

from meshc.build.check import check_text
from meshc.render.firewall.ipv6_hold import ipv6_hold_hooks
from meshc.topology.proof.held_ipv6 import IPv6Hold, keeps_marks, read_ipv6_hold
from meshc.topology.proof.policy_routing import read_policy_routing
from meshc.wg.conf import Conf

TOPOLOGY = """\
meshc: 1
network: {{name: demo, addresses: [10.44.0.0/24], dns: 9.9.9.9}}
nodes:
  hub: {{role: relay, endpoint: vpn.demo-vpn.net, exit_node: true}}
  user: {{exit: hub{extra}}}
"""
GUARD = "[ ! -e /proc/net/if_inet6 ] || "
ROUTE = f"{GUARD}ip -6 route replace unreachable default metric 4278198272 table 51820"
INTO = f"{GUARD}ip -6 rule add not fwmark 51820 table 51820"
BETTER = f"{GUARD}ip -6 rule add not fwmark 51820 table main suppress_prefixlength 0"
LINES = (ROUTE, INTO, BETTER)


def findings(extra: str = "") -> list[tuple[str, str]]:
    found = check_text(TOPOLOGY.format(extra=extra).encode(), file="f.yaml").findings
    return [(one.code, one.message) for one in found if one.code.startswith(("E", "W443"))]


@pytest.mark.parametrize("extra", ["", ", fwmark: 99", ", kill_switch: true", ", agent: true"])
def test_what_is_written_holds_and_nothing_of_it_is_beyond_the_proof(extra: str) -> None:
    assert findings(extra) == []


@pytest.mark.parametrize(
    "hook",
    [
        "ip -6 rule add to 2000::/3 lookup main",
        "ip -6 rule add from 2001:db8::7 lookup main",
        "ip -6 rule add iif eth0 lookup main",
        "ip -6 rule add sport 53 lookup main",
        "ip -6 rule del not fwmark 51820 table 51820",
        "ip -6 rule flush",
        "ip -6 route del unreachable default metric 4278198272 table 51820",
        "ip -6 route flush table 51820",
        "ip -6 route add default via fe80::1 dev eth0 table 51820",
        "ip -6 route add 2000::/3 via fe80::1 dev eth0",
        "iptables -t mangle -A OUTPUT -j MARK --set-mark 51820",
        "ip6tables -t mangle -A OUTPUT -p tcp -j MARK --set-xmark 0xca6c/0xffffffff",
    ],
)
def test_a_hook_that_opens_it_is_told(hook: str) -> None:
    (message,) = (text for code, text in findings(f", post_up: '{hook}'") if code == "E414")
    assert message.startswith("user uses the exit hub, but IPv6 to :: leaves outside of the tunnel")


@pytest.mark.parametrize(
    "hook",
    [
        "ip -6 rule add to fd00::/8 lookup main",
        "ip -6 rule add pref 40000 lookup main",
        "ip -6 rule add to 2000::/3 unreachable",
        "ip6tables -t mangle -A OUTPUT -j MARK --set-mark 7",
        "ip -6 rule show",
    ],
)
def test_a_hook_that_opens_nothing_is_no_leak(hook: str) -> None:
    assert "E414" not in [code for code, _ in findings(f", post_up: '{hook}'")]


def hold(*lines: str, mark: int | None = 51820) -> IPv6Hold | None:
    conf = Conf(post_up=lines, fwmark=mark)
    return read_ipv6_hold(conf, read_policy_routing(conf, "wg0"))


def test_the_lines_hold() -> None:
    found = hold(*LINES)
    assert found is not None
    assert not found.fault
    assert len(found.rules) == 2


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((INTO, BETTER), None),
        ((ROUTE, BETTER), None),
        ((ROUTE, INTO.replace("-6", "-4"), BETTER), None),
        ((ROUTE.replace("-6", "-4"), INTO, BETTER), None),
        ((ROUTE, INTO.replace("not ", ""), BETTER), "no rule sends it"),
        ((ROUTE, BETTER, INTO), ""),  # the route is found before what is better, and holds
        ((ROUTE, INTO, BETTER.replace(" suppress_prefixlength 0", "")), "lets it out"),
        ((ROUTE, INTO, BETTER.replace("suppress_prefixlength 0", "priority 9")), "lets it out"),
        ((ROUTE, INTO.replace("add", "add pref 32800"), BETTER), "no rule sends it"),
        ((ROUTE, INTO.replace("fwmark 51820", "fwmark 99"), BETTER), "own packets"),
        ((ROUTE, INTO.replace("not fwmark 51820 ", ""), BETTER), "own packets"),
        ((ROUTE, INTO.replace("add not", "add iif eth0 not"), BETTER), "cannot be judged"),
        ((ROUTE, INTO.replace("add not", "add from fd00::/8 not"), BETTER), "own packets"),
        ((ROUTE, f"true && {INTO}", BETTER), "no rule sends it"),
        ((ROUTE, INTO.replace("! -e", "-e"), BETTER), "no rule sends it"),
        ((ROUTE.replace("/proc/net/if_inet6", "/etc/fstab"), INTO, BETTER), None),
        ((ROUTE.replace("unreachable default", "unreachable 2000::/3"), INTO, BETTER), None),
        ((ROUTE.replace("unreachable", "throw"), INTO, BETTER), None),
    ],
)
def test_a_line_that_is_missing_or_another_is_told(
    lines: tuple[str, ...], said: str | None
) -> None:
    found = hold(*lines)
    if said is None:
        assert found is None
    else:
        assert found is not None
        assert (said in found.fault) if said else not found.fault


def test_without_the_mark_its_own_packets_do_not_leave() -> None:
    found = hold(*LINES, mark=None)
    assert found is not None
    assert "own packets" in found.fault


def test_the_table_that_keeps_marks_is_known_word_by_word() -> None:
    line = ipv6_hold_hooks(7).post_up[-1]
    text = re.search(r"'(.*)'", line)
    assert text is not None
    assert keeps_marks(("nft", text[1], ">", "/dev/null"))
    assert keeps_marks(("nft", "delete", "table", "ip6", "meshc-hold-%i", ">", "/dev/null"))
    assert not keeps_marks(("nft", text[1].replace("mark 7 ct", "mark 7 accept; ct")))
    assert not keeps_marks(("nft", text[1].replace("set ct mark", "set 51820")))
    assert not keeps_marks(("nft", "delete", "table", "ip6", "meshc-0"))
    assert not keeps_marks(("nft",))


# What Linux does with a packet for a target that main knows by its default alone
def walked(lines: tuple[str, ...], *, mark: bool = False) -> bool:
    """Whether it is held: rules in their order, newest first, and the one default route."""
    rules: list[list[str]] = []
    closed: set[str] = set()
    for line in lines:
        words = shlex.split(line.removeprefix(GUARD))
        if words[1] != "-6":
            continue
        if words[2] == "route":
            closed.add(words[words.index("table") + 1])
        elif words[3] == "add":
            rules.insert(0, words[4:])
        elif words[4:] in rules:
            rules.remove(words[4:])
    for rule in rules:
        if "fwmark" in rule and (rule[0] == "not") is mark:
            continue
        table = rule[rule.index("table") + 1]
        if table in closed:
            return True
        if table == "main" and "suppress_prefixlength" not in rule:
            return False
    return False


def test_random_lines_hold_as_a_walk_says() -> None:
    rng = random.Random(7)
    choice = [
        ROUTE,
        ROUTE.replace("-6", "-4"),
        INTO,
        INTO.replace("-6", "-4"),
        INTO.replace("not ", ""),
        INTO.replace("rule add", "rule del"),
        BETTER,
        BETTER.replace(" suppress_prefixlength 0", ""),
        BETTER.replace("not fwmark 51820 ", ""),
    ]
    held = 0
    for _ in range(1500):
        lines = tuple(rng.choices(choice, k=rng.randint(2, 6)))
        found = hold(*lines)
        right = walked(lines) and not walked(lines, mark=True)
        assert (found is not None and not found.fault) == right, lines
        held += right
    assert 50 < held < 1450
