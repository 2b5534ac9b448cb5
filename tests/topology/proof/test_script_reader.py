"""A router's script says to the proof what the wg-quick file beside it says, and more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshc.errors import ConfError
from meshc.prefixes import Prefix
from meshc.render.openwrt_script import openwrt
from meshc.render.routeros_script import routeros
from meshc.render.wgquick import render
from meshc.topology.language.spec import Platform
from meshc.topology.planner.mesh_plan import Forwarding, MeshPlan
from meshc.topology.proof.router_script import RouterScript
from meshc.topology.proof.script_reader import read_script
from meshc.wg.conf import Conf, parse
from tests.support.keyed_plans import POOLS, governed, mesh_plan, secrets_of, small_plan

SCRIPTS = {
    Platform.OPENWRT: (openwrt, "hub/wg0.openwrt.sh"),
    Platform.ROUTEROS: (routeros, "hub/wg0.rsc"),
}
PLATFORMS = pytest.mark.parametrize("platform", SCRIPTS)


def router(platform: Platform, forwarding: Forwarding, **spec: object) -> MeshPlan:
    plan = small_plan(forwarding=forwarding)
    hub = plan.nodes["hub"]
    node = governed(replace(hub, spec=replace(hub.spec, platform=platform, **spec)))  # type: ignore[arg-type]
    return mesh_plan(node, plan.nodes["laptop"], plan.nodes["phone"])


def text_of(plan: MeshPlan) -> str:
    node = plan.nodes["hub"]
    return SCRIPTS[node.spec.platform][0](plan, node, secrets_of(plan))


def script_of(plan: MeshPlan) -> RouterScript:
    return read_script(text_of(plan), file=SCRIPTS[plan.nodes["hub"].spec.platform][1])


def settings_of(conf: Conf) -> tuple[object, ...]:
    peers = [peer._replace(line=0, name="") for peer in conf.peers]
    return (conf.private_key, conf.addresses, conf.listen_port, conf.mtu, peers)


@PLATFORMS
def test_interface_and_peers_are_those_of_the_file(platform: Platform) -> None:
    plan = router(platform, Forwarding((4, 6), POOLS, relay=True))
    file = parse(render(plan, plan.nodes["hub"], secrets_of(plan)))
    conf = script_of(plan).conf
    assert settings_of(conf) == settings_of(file)
    assert [peer.name for peer in conf.peers] == ["laptop", "phone"]


@PLATFORMS
def test_a_line_of_a_peer_is_where_it_stands(platform: Platform) -> None:
    plan = router(platform, Forwarding())
    lines = text_of(plan).splitlines()
    for peer in script_of(plan).conf.peers:
        assert "peers/add" in lines[peer.line - 1] or "add network" in lines[peer.line - 1]


def test_routes_are_those_that_the_router_makes() -> None:
    on_openwrt = script_of(router(Platform.OPENWRT, Forwarding()))
    assert (on_openwrt.conf.table, on_openwrt.routes) == (None, ())
    off = script_of(router(Platform.OPENWRT, Forwarding(), table="off"))
    assert (off.conf.table, off.routes) == ("off", ())
    on_routeros = script_of(router(Platform.ROUTEROS, Forwarding()))
    assert on_routeros.conf.table == "off"
    assert {str(route) for route in on_routeros.routes} == {
        "10.44.0.2/32", "10.44.0.3/32", "fd44::2/128", "fd44::3/128",
    }  # fmt: skip


def test_the_default_route_of_routeros_is_taken_as_made() -> None:
    plan = router(Platform.ROUTEROS, Forwarding())
    hub = plan.nodes["hub"]
    first = hub.peers[0]._replace(allowed_ips=(*hub.peers[0].allowed_ips, Prefix(4, 0, 0)))
    plan = mesh_plan(replace(hub, peers=(first, *hub.peers[1:])), plan.nodes["laptop"])
    assert Prefix(4, 0, 0) in script_of(plan).routes


@PLATFORMS
def test_a_router_forwards_both_families_by_nature(platform: Platform) -> None:
    assert script_of(router(platform, Forwarding())).firewall.families == {4, 6}


@PLATFORMS
def test_a_value_that_no_router_takes_is_told_with_its_line_and_not_repeated(
    platform: Platform,
) -> None:
    plan = router(platform, Forwarding())
    key = str(plan.nodes["laptop"].public_key)
    text = text_of(plan).replace(key, "SPOILED")
    file = SCRIPTS[platform][1]
    with pytest.raises(ConfError, match="this is no public key") as caught:
        read_script(text, file=file)
    assert caught.value.line > 1
    assert "SPOILED" not in str(caught.value)


@PLATFORMS
def test_a_script_without_an_interface_is_refused(platform: Platform) -> None:
    with pytest.raises(ConfError, match="makes no WireGuard interface"):
        read_script("", file=SCRIPTS[platform][1])
