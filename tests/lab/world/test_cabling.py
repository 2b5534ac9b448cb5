"""The world in the kernel: what ip(8) finds there, what is refused, and shapes of cables."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meshc.errors import NodeError
from meshc.lab.commands import RunCommand
from meshc.lab.probe.ping import Ping, PingTarget
from meshc.lab.world import cabling
from meshc.lab.world.control import Lab, start_lab
from meshc.lab.world.layout import lay_out
from meshc.lab.world.layout_options import LayoutOptions
from meshc.lab.world.places import ASKING, Place, Route, Shape
from meshc.prefixes import DEFAULT_V4, Prefix
from meshc.topology.language.spec import Nat
from tests.support.labs import a_spec, behind, home, relay
from tests.support.running import about_lab, running

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed"),
]


def in_a_namespace(code: str) -> subprocess.CompletedProcess[str]:
    """A new interpreter in a network namespace of its own."""
    enter = "from meshc.lab.world import linux\nlinux.unshare(linux.NEWNET)\n"
    return subprocess.run(
        [sys.executable, "-c", enter + code],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=60,
    )


def spoken(lab: Lab, place: Place, *what: str) -> list[dict[str, Any]]:
    """What ip(8) says there, as JSON."""
    output = lab.call(place.name, RunCommand(("ip", "-j", *what))).output
    found: list[dict[str, Any]] = json.loads(output)
    return found


def test_places_have_exactly_the_addresses_routes_and_bridges_of_the_world() -> None:
    """Held against ip(8), which knows nothing of the world."""
    spec = a_spec(relay(), behind("a", Nat.PORT_RESTRICTED, "home"), sites=(home(),))
    with running(spec) as (lab, world):
        for place in world.places.values():
            links = spoken(lab, place, "address")
            for interface in {name for name, _ in place.addresses}:
                own = {str(a) for name, a in place.addresses if name == interface}
                (link,) = [link for link in links if link["ifname"] == interface]
                given = {f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"]}
                # the kernel makes a link-local one by itself
                assert {a for a in given if not a.startswith("fe80:") or a in own} == own
            default = {(r.via, r.source) for r in place.routes if r.prefix == DEFAULT_V4}
            routes = spoken(lab, place, "-4", "route")
            ways = {(r["gateway"], r.get("prefsrc")) for r in routes if r["dst"] == "default"}
            assert ways == default
            for bridge, members in place.bridges.items():
                assert {m["ifname"] for m in links if m.get("master") == bridge} == set(members)
        assert world.places["nat:home"].bridges == {"lan": ("p0",)}


def test_a_step_that_the_kernel_refuses_is_named_with_its_place() -> None:
    world = lay_out(a_spec(relay()), {"relay": 51820})
    place = world.places["relay"]
    lost = Route(Prefix.parse("203.0.113.0/24"), "eth0", "203.0.113.9")
    broken = replace(place, routes=(*place.routes, lost))
    world = replace(world, places={**world.places, "relay": broken})
    with (
        pytest.raises(NodeError, match=r"relay: add dst=203\.0\.113\.0/24 .*unreachable"),
        start_lab(world, {}, about=about_lab(f"broken-{os.getpid()}", ["relay"]), linked=True),
    ):
        raise AssertionError("it was built")


def test_rules_that_nft_refuses_and_a_missing_nft_are_said() -> None:
    code = "from meshc.lab.world.cabling import load_rules\n"
    refused = in_a_namespace(code + "load_rules('table inet mine {')")
    assert "nft refused the rules of a router: " in refused.stderr
    missing = in_a_namespace(
        code + "import os\nos.environ['PATH'] = '/nowhere'\nload_rules('table inet mine { }')"
    )
    assert "NodeError: nft is not installed, and the lab's NAT routers need it" in missing.stderr


def test_loss_without_netem_is_made_by_the_router() -> None:
    spec = a_spec(relay())
    with running(spec, LayoutOptions(shapes={"relay": Shape(delay=1, loss=100)})) as (lab, world):
        ask = Ping((PingTarget(world.hosts[0], patient=False),), seconds=1.0)
        assert lab.call("relay", ask)[0].kind == "none"
        assert set(lab.remarks) in (set(), {cabling.BY_PROCESS, cabling.NO_LOSS})


def test_delay_is_there_with_netem_and_without() -> None:
    spec = a_spec(relay(), behind("a", Nat.SYMMETRIC))
    with running(spec, LayoutOptions(shapes={"a": Shape(delay=40)})) as (lab, world):
        ask = Ping(tuple(map(PingTarget, world.hosts)))
        slow, quick = (lab.call(name, ask) for name in ("a", "relay"))
    assert {answer.kind for answer in (*slow, *quick)} == {"reply"}
    assert min(answer.ms or 0 for answer in slow) >= 80  # there and back
    assert min(answer.ms or 0 for answer in quick) < 80


def test_an_uplink_of_fewer_bytes_carries_no_larger_packet() -> None:
    shapes = {"relay": Shape(mtu=1492)}
    with running(a_spec(relay()), LayoutOptions(shapes=shapes)) as (lab, world):
        at = world.hosts[0]
        sizes = tuple(PingTarget(at, size=size, patient=False) for size in (1492, 1493))
        small, large = lab.call("relay", Ping(sizes, seconds=1.0))
    assert small.kind == "reply"
    assert large.kind != "reply"


@pytest.mark.parametrize(
    ("site", "route"),
    [(True, "192.168.1.0/24"), (False, "172.20.0.0/24"), (False, "172.20.0.9/32")],
)
def test_a_host_on_a_lan_knows_the_way_into_the_mesh_only_where_it_asks(
    *, site: bool, route: str
) -> None:
    """The router of the mesh has an address of it; no tunnel is needed to see who knows."""
    node = behind("a", Nat.PORT_RESTRICTED, "home" if site else None, routes=(Prefix.parse(route),))
    with running(a_spec(relay(), node, sites=(home(),))) as (lab, world):
        (host,) = world.lan_hosts
        add = ("ip", "address", "add", "10.44.0.7/32", "dev", "lo")
        assert lab.call("a", RunCommand(add)).code == 0
        target = (PingTarget("10.44.0.7", patient=False),)
        told, untold = (lab.call(host.place, Ping(target, 1.0, mark=m)) for m in (ASKING, 0))
    assert (told[0].kind, untold[0].kind == "reply") == ("reply", False)
