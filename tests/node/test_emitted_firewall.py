"""What `meshc up` loads is what stands in the file, and what is not ours stays a hook."""

from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.errors import NodeError
from meshc.node.emitted_firewall import EmittedFirewall
from meshc.node.system.firewall import FirewallFacts, FirewallLoad, TableLoad
from meshc.node.system.forwarding_switch import ForwardingOn
from meshc.node.system_values import RouteFact
from meshc.prefixes import Prefix
from meshc.render.firewall.hook_lines import Hooks, wan_word
from meshc.render.firewall.loading import loading_hooks
from meshc.topology.language.spec import FirewallTool
from meshc.topology.planner.mesh_plan import Forwarding
from meshc.wg.conf import Conf
from tests.support.emitted_hooks import hooks_of
from tests.support.machine_facts import machine
from tests.support.policy_networks import policy_network
from tests.support.policy_oracle import random_policies
from tests.support.random_forwarding import forwardings

POOLS = (Prefix.parse("10.44.0.0/24"), Prefix.parse("fd44::/64"))
RELAY = Forwarding((4, 6), POOLS, relay=True)
ROUTER = Forwarding((4,), POOLS, lans=(Prefix.parse("192.168.1.0/24"),))
EXIT = Forwarding((4, 6), POOLS, exit=True, users=POOLS, clamp_mss=True)


def conf_of(hooks: Hooks) -> Conf:
    return Conf(
        pre_up=hooks.pre_up,
        post_up=hooks.post_up,
        pre_down=hooks.pre_down,
        post_down=hooks.post_down,
        rules=hooks.comments,
    )


def emitted(forwarding: Forwarding) -> EmittedFirewall:
    return EmittedFirewall(conf_of(hooks_of(forwarding)), "wg0")


def rules(forwarding: Forwarding, family: int = 4) -> dict[str, tuple[str, ...]]:
    loads = {load.family: load for load in emitted(forwarding).loads(machine())}
    return {chain.name: chain.rules for chain in loads[family].chains}


@given(forwardings())
def test_every_line_that_is_emitted_is_known_again(forwarding: Forwarding) -> None:
    hooks = hooks_of(forwarding)
    assert emitted(forwarding).lines == hooks
    added = [line.partition(" -A ")[2] for line in hooks.post_up if " -A " in line]
    words = {family: wan_word(family) for family in (4, 6)}
    loaded = [
        f"{chain.name} {rule}"
        for load in emitted(forwarding).loads(machine())
        for chain in load.chains
        for rule in chain.rules
    ]
    expected = [
        line.replace(words[4], "eth0").replace(words[6], "eth0").replace("%i", "wg0")
        for line in added
    ]
    assert loaded == expected


@given(forwardings(), st.integers(0, 10**9))
def test_a_line_that_was_touched_is_run_as_a_hook(forwarding: Forwarding, seed: int) -> None:
    """Taking away any one line makes the rest of its family hooks again, all of them."""
    hooks = hooks_of(forwarding)
    rng = random.Random(seed)
    phase = rng.choice(["pre_up", "post_up", "post_down"])
    lines = getattr(hooks, phase)
    gone = rng.randrange(len(lines))
    kept = {phase: (*lines[:gone], *lines[gone + 1 :])}
    found = EmittedFirewall(conf_of(dataclasses.replace(hooks, **kept)), "wg0")
    if lines[gone].partition(" ")[0] in ("iptables", "ip6tables") and " -A " in lines[gone]:
        # one rule less is a firewall as well: the one that the file has now
        assert set(found.families) == set(forwarding.families)
    else:
        assert len(found.families) == len(forwarding.families) - 1


@pytest.mark.parametrize(
    "rule",
    [
        "-j ACCEPT -m comment --comment x",
        "-s 10.0.0.0/8 -j LOG",
        '-i "$(reboot)" -j ACCEPT',
        "-i eth0 -j ACCEPT",
        "-s 10.0.0.0/8",
    ],
)
def test_no_other_rule_is_loaded(rule: str) -> None:
    """What goes to iptables-restore holds only words of ours; the rest is for bash."""
    hooks = hooks_of(RELAY)
    at = next(n for n, line in enumerate(hooks.post_up) if line.endswith("-j DROP"))
    line = f"iptables -w -A MESHC-FWD-%i {rule}"
    changed = (*hooks.post_up[:at], line, *hooks.post_up[at:])
    found = EmittedFirewall(conf_of(dataclasses.replace(hooks, post_up=changed)), "wg0")
    assert found.families == (6,)
    assert line not in found.lines.lines


def test_hooks_of_others_stay_hooks() -> None:
    hooks = hooks_of(RELAY)
    mine = ("iptables -A FORWARD -i %i -j ACCEPT", "echo %i")
    found = EmittedFirewall(
        conf_of(dataclasses.replace(hooks, post_up=("wg set %i x", *hooks.post_up, *mine))), "wg0"
    )
    assert found.lines == hooks


def test_a_leaf_needs_nothing() -> None:
    nothing = EmittedFirewall(Conf(post_up=("echo up",)), "wg0")
    assert nothing.loads(machine()) == ()
    assert nothing.switches(machine()) == ()
    assert nothing.lines == Hooks()


def test_a_relay_forwards_within_the_mesh_only() -> None:
    assert rules(RELAY) == {
        "MESHC-FWD-wg0": (
            "-i wg0 -o wg0 -j ACCEPT",
            "-i wg0 -m conntrack --ctstate DNAT -j RETURN",
            "-i wg0 -j DROP",
        )
    }


@pytest.mark.parametrize("family", [4, 6])
def test_an_exit_uses_the_interface_with_the_default_route(family: int) -> None:
    found = rules(EXIT, family)
    pool = {4: "10.44.0.0/24", 6: "fd44::/64"}[family]
    assert found["MESHC-NAT-wg0"] == (f"-s {pool} -o eth0 -j MASQUERADE",)
    assert f"-i wg0 -o eth0 -s {pool} -j ACCEPT" in found["MESHC-FWD-wg0"]


def test_of_several_default_routes_the_preferred_one_counts() -> None:
    default = Prefix(4, 0, 0)
    routes = (
        RouteFact(default, 254, "slow", 600),
        RouteFact(default, 254, "wg0", 0),
        RouteFact(default, 51820, "other", 0),
        RouteFact(default, 254, "fast", 100),
    )
    (load, _) = emitted(EXIT).loads(machine(routes=routes))
    assert "-i wg0 -o fast -s 10.44.0.0/24 -j ACCEPT" in load.chains[0].rules


def test_without_a_default_route_nothing_leaves() -> None:
    (load, _) = emitted(EXIT).loads(machine(routes=()))
    assert "-i wg0 -o lo -s 10.44.0.0/24 -j ACCEPT" in load.chains[0].rules


def test_each_family_that_the_lines_switch_on_is_switched_on() -> None:
    assert emitted(ROUTER).switches(machine()) == (ForwardingOn("wg0", 4),)
    assert emitted(RELAY).switches(machine()) == (ForwardingOn("wg0", 4), ForwardingOn("wg0", 6))


def test_without_iptables_a_relay_is_refused() -> None:
    with pytest.raises(NodeError, match="needs iptables"):
        emitted(RELAY).loads(machine(firewall={4: FirewallFacts()}))


def test_tables_that_were_not_there_are_remembered() -> None:
    (load,) = emitted(ROUTER).loads(machine())
    assert load.made == ("nat",)


def policy_file(tool: FirewallTool, name: str = "hub") -> EmittedFirewall:
    """A relay with an exit, or a leaf, in a network with policies."""
    node = policy_network(random_policies(1)).plan.nodes[name]
    return EmittedFirewall(conf_of(loading_hooks(node.firewall, tool)), "wg0")


@pytest.mark.parametrize("tool", FirewallTool)
@pytest.mark.parametrize("seed", range(4))
def test_rules_in_comments_are_known_again(tool: FirewallTool, seed: int) -> None:
    for node in policy_network(random_policies(seed)).plan.nodes.values():
        hooks = loading_hooks(node.firewall, tool)
        firewall = EmittedFirewall(conf_of(hooks), "wg0")
        assert firewall.lines == hooks
        forwarding = {rules.family for rules in node.firewall if rules.forwards}
        assert {switch.family for switch in firewall.switches(machine())} == forwarding


def test_iptables_comes_first_where_the_line_leaves_the_choice() -> None:
    loads = policy_file(FirewallTool.AUTO).loads(machine())
    assert [type(load) for load in loads] == [FirewallLoad, FirewallLoad]
    assert all(load.before_link for load in loads)
    bare = dataclasses.replace(machine(), firewall={4: FirewallFacts(), 6: FirewallFacts()})
    (table,) = policy_file(FirewallTool.AUTO).loads(dataclasses.replace(bare, has_nft=True))
    assert isinstance(table, TableLoad)
    assert (table.nft_name, table.before_link) == ("table inet meshc-wg0", True)
    assert "%i" not in table.text
    assert "@wan" not in table.text
    with pytest.raises(NodeError, match="need iptables or nft"):
        policy_file(FirewallTool.AUTO).loads(dataclasses.replace(bare, has_nft=False))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("-j DROP", "-j DROP\n#iptables -A INPUT -j ACCEPT"),
        ("-j RETURN", "-j TRACE"),
        ("#nft }", '#nft include "/etc/x"\n#nft }'),
        ("#nft drop\n", ""),
        ("#iptables -A ", "#iptables -A\n#iptables "),
    ],
)
def test_rules_that_somebody_changed_are_left_to_the_hooks(old: str, new: str) -> None:
    """What is run as root from a file holds no other word than `meshc build` writes."""
    node = policy_network(random_policies(1)).plan.nodes["hub"]
    hooks = loading_hooks(node.firewall, FirewallTool.AUTO)
    text = "\n".join(hooks.comments)
    changed = text.replace(old, new, 1)
    assert changed != text
    firewall = EmittedFirewall(
        conf_of(dataclasses.replace(hooks, comments=tuple(changed.split("\n")))), "wg0"
    )
    assert firewall.load is None
    assert not set(hooks.pre_up) & set(firewall.lines.lines)


@pytest.mark.parametrize("gone", range(-4, 0))
def test_rules_without_all_their_hooks_are_left_to_them(gone: int) -> None:
    node = policy_network(random_policies(1)).plan.nodes["hub"]
    hooks = loading_hooks(node.firewall, FirewallTool.AUTO)
    lines = [*hooks.pre_up]
    del lines[gone]
    changed = dataclasses.replace(hooks, pre_up=tuple(lines))
    assert EmittedFirewall(conf_of(changed), "wg0").load is None
