"""The hooks that meshc wrote say what it wrote them for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshc.keys import NetworkSecret
from meshc.prefixes import Prefix
from meshc.render.node_secrets import Secrets
from meshc.render.wgquick import render
from meshc.topology.importer.foreign_hooks import foreign_hooks
from meshc.topology.importer.own_hooks import OwnHooks, own_hooks
from meshc.topology.language.spec import FirewallTool, NodeSpec, PolicyEnd, PolicySpec
from meshc.wg.conf import parse
from tests.support import specs
from tests.support.specs import node

LAN = Prefix.parse("192.168.7.0/24")
HIDDEN = OwnHooks(lans=(LAN,), hides=True)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (node("hub", endpoint="h.example"), OwnHooks()),
        (node("hub", endpoint="h.example", relay=True), OwnHooks(relay=True)),
        (node("hub", endpoint="h.example", exit_node=True), OwnHooks(exit=True)),
        (node("hub", endpoint="h.example", routes=str(LAN)), HIDDEN),
        (node("hub", endpoint="h.example", routes=str(LAN), masquerade=False),
         OwnHooks(lans=(LAN,))),
        (node("hub", endpoint="h.example", routes=str(LAN), exit_node=True, relay=True),
         OwnHooks(relay=True, exit=True, lans=(LAN,), hides=True)),
        (node("hub", endpoint="h.example", routes=str(LAN), exit_node=True, masquerade=False),
         OwnHooks(exit=True, lans=(LAN,))),
    ],
)  # fmt: skip
def test_what_was_built_is_read_back(written: NodeSpec, found: OwnHooks) -> None:
    plan = specs.plan(specs.spec([written, node("pc")]))
    text = render(plan, plan.nodes["hub"], Secrets({}, NetworkSecret(bytes(32))))
    assert own_hooks(parse(text)) == found


@pytest.mark.parametrize("policies", [False, True])
@pytest.mark.parametrize("tool", FirewallTool)
@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"relay": True}, OwnHooks(relay=True)),
        ({"exit_node": True}, OwnHooks(exit=True)),
        ({"routes": str(LAN)}, OwnHooks(lans=(LAN,), hides=True)),
        ({"routes": str(LAN), "masquerade": False}, OwnHooks(lans=(LAN,))),
        (
            {"routes": str(LAN), "exit_node": True, "relay": True},
            OwnHooks(relay=True, exit=True, lans=(LAN,), hides=True),
        ),
    ],
)
def test_rules_that_stand_in_comments_say_the_same(
    keys: dict[str, object], found: OwnHooks, tool: FirewallTool, policies: bool
) -> None:
    hub = node("hub", endpoint="h.example", firewall=tool, **keys)
    whole = specs.spec([hub, node("pc", exit="hub" if hub.exit_node else None)])
    if policies:
        everybody = PolicyEnd(nodes=("hub", "pc"))
        whole = replace(whole, policies=(PolicySpec(everybody, everybody),))
    plan = specs.plan(whole)
    conf = parse(render(plan, plan.nodes["hub"], Secrets({}, NetworkSecret(bytes(32)))))
    assert bool(conf.rules) == (policies or tool is FirewallTool.NFTABLES)
    nft = tool is FirewallTool.NFTABLES
    assert own_hooks(conf) == found._replace(nft=nft)


@pytest.mark.parametrize("tool", [FirewallTool.AUTO, FirewallTool.NFTABLES])
def test_a_kill_switch_and_an_open_port_come_back_with_the_next_build(tool: FirewallTool) -> None:
    user = node("pc", exit="hub", kill_switch=True, firewall=tool)
    hub = node("hub", endpoint="h.example", exit_node=True, open_port=True, firewall=tool)
    plan = specs.plan(specs.spec([hub, user], pools="10.44.0.0/24 fd44::/64"))
    nft = tool is FirewallTool.NFTABLES
    for name, kills in (("pc", True), ("hub", False)):
        conf = parse(render(plan, plan.nodes[name], Secrets({}, NetworkSecret(bytes(32)))))
        found = own_hooks(conf)
        assert (found.kills, found.opens, found.nft) == (kills, not kills, nft)
        assert not any(foreign_hooks(conf).kept.values())


def test_what_holds_ipv6_back_is_no_hook_of_somebody_elses() -> None:
    hub = node("hub", endpoint="h.example", exit_node=True)
    plan = specs.plan(specs.spec([hub, node("pc", exit="hub")], pools="10.44.0.0/24"))
    conf = parse(render(plan, plan.nodes["pc"], Secrets({}, NetworkSecret(bytes(32)))))
    assert "ip -6 rule add" in "".join(conf.post_up)
    assert not any(foreign_hooks(conf).kept.values())


def test_a_foreign_file_says_nothing() -> None:
    line = "PostUp = iptables -A FORWARD -i wg0 -o wg0 -j ACCEPT"
    assert own_hooks(parse(f"[Interface]\n{line}\n")) == OwnHooks()
