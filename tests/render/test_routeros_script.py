"""The script for RouterOS as a whole text: there is no RouterOS here to run it."""

from __future__ import annotations

from dataclasses import replace

from meshc.prefixes import Prefix
from meshc.render.routeros_script import routeros
from meshc.topology.language.spec import Platform
from meshc.topology.planner.mesh_plan import Forwarding, MeshPlan
from meshc.topology.proof.script_reader import read_script
from tests.support.keyed_plans import POOLS, governed, mesh_plan, secrets_of, small_plan
from tests.support.policy_networks import OFFICE, policy_network

LANS = (Prefix.parse("192.168.1.0/24"),)


def relay(forwarding: Forwarding) -> MeshPlan:
    plan = small_plan(forwarding=forwarding)
    hub = plan.nodes["hub"]
    changed = replace(hub, spec=replace(hub.spec, platform=Platform.ROUTEROS, dns=("10.44.0.1",)))
    return mesh_plan(governed(changed), plan.nodes["laptop"], plan.nodes["phone"])


def test_routeros_of_a_router() -> None:
    plan = relay(Forwarding((4, 6), POOLS, relay=True, lans=LANS))
    lines = routeros(plan, plan.nodes["hub"], secrets_of(plan)).splitlines()
    mark = 'comment="meshc wg0"'
    (peer,) = [line for line in lines if 'comment="phone"' in line]
    assert peer.startswith('/interface/wireguard/peers/add interface="wg0" comment="phone"')
    assert "allowed-address=10.44.0.3/32,fd44::3/128" in peer
    for line in (
        '/ip/address/add interface="wg0" address=10.44.0.1/32',
        '/ipv6/address/add interface="wg0" address=fd44::1/128 advertise=no',
        f'/ip/route/add dst-address=10.44.0.3/32 gateway="wg0" {mark}',
        f"/ip/firewall/filter/add chain=input action=accept protocol=udp dst-port=51820 {mark}",
        f"/ip/firewall/filter/move [find {mark}] destination=0",
    ):
        assert line in lines


def test_the_rules_stand_before_there_are_peers() -> None:
    plan = relay(Forwarding((4, 6), POOLS, relay=True, exit=True))
    lines = routeros(plan, plan.nodes["hub"], secrets_of(plan)).splitlines()
    added = [line for line in lines if "/add " in line]
    rules = [n for n, line in enumerate(added) if "/firewall/" in line]
    peers = [n for n, line in enumerate(added) if "/peers/" in line]
    assert max(rules) < min(peers)


def test_a_second_run_removes_whatever_the_first_made() -> None:
    plan = relay(Forwarding((4, 6), POOLS, relay=True, lans=LANS, exit=True, clamp_mss=True))
    lines = routeros(plan, plan.nodes["hub"], secrets_of(plan)).splitlines()
    mark = 'comment="meshc wg0"'
    made = {line.partition("/add ")[0] for line in lines if "/add " in line and mark in line}
    removed = {
        line.partition("/remove ")[0] for line in lines if line.endswith(f"/remove [find {mark}]")
    }
    assert {"/ip/firewall/filter", "/ipv6/firewall/nat", "/ip/route"} <= made
    assert made <= removed


def test_address_lists_go_with_the_policies() -> None:
    """The script of a network that has none any more removes what one with policies made, rules
    before the lists that they name."""
    plan = policy_network(OFFICE.format(platform="routeros")).plan
    lines = routeros(plan, plan.nodes["office"], secrets_of(plan)).splitlines()
    made = {line.partition("/add ")[0] for line in lines if "/firewall/address-list/add " in line}
    assert made == {"/ip/firewall/address-list", "/ipv6/firewall/address-list"}
    plain = relay(Forwarding())
    lines = routeros(plain, plain.nodes["hub"], secrets_of(plain)).splitlines()
    for menu in ("/ip/firewall", "/ipv6/firewall"):
        lists = lines.index(f'{menu}/address-list/remove [find comment="meshc wg0"]')
        assert lines.index(f'{menu}/filter/remove [find comment="meshc wg0"]') < lists


def test_an_exit_user_gets_a_default_route_that_its_own_script_proves() -> None:
    """RouterOS makes no routes of AllowedIPs, so that a script without any sends nothing."""
    plan = small_plan()
    laptop = plan.nodes["laptop"]
    everything = (Prefix.parse("0.0.0.0/0"), Prefix.parse("::/0"))
    peers = (laptop.peers[0]._replace(allowed_ips=everything),)
    spec = replace(laptop.spec, platform=Platform.ROUTEROS)
    plan = mesh_plan(plan.nodes["hub"], replace(laptop, spec=spec, peers=peers))
    text = routeros(plan, plan.nodes["laptop"], secrets_of(plan))
    script = read_script(text, file="laptop/wg0.rsc")
    assert script.routes == everything
    assert script.conf.listen_port == 51820
