"""What a QR code cannot hold is told when the exceptions are what is too much."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.keys import NetworkSecret
from meshc.prefixes import Prefix
from meshc.render.node_secrets import Secrets
from meshc.render.qr_code import MOST_BYTES
from meshc.render.scan_room import check_scan_room
from meshc.render.wgquick import render
from meshc.topology.language.spec import Platform
from tests.support import specs
from tests.support.specs import node
from tests.support.wire import private_key

SECRETS = Secrets(
    {name: private_key(name) for name in ("hub", "pc")}, NetworkSecret(bytes(range(32)))
)
ADDRESS = Prefix.parse("2001:db8::77")


def told(platform: Platform, *beside: Prefix, peers: int = 0) -> tuple[list[str], int]:
    nodes = [node("hub", relay=True, endpoint="hub.example", exit_node=True)]
    nodes += [node(f"s{i:02}", endpoint=f"s{i:02}.example") for i in range(peers)]
    nodes.append(node("pc", platform=platform, exit="hub", exit_except=beside))
    plan = specs.plan(specs.spec(nodes, pools="10.44.0.0/24 fd44::/64"))
    found = Diagnostics()
    check_scan_room(plan, SECRETS, found)
    return [d.code for d in found], len(render(plan, plan.nodes["pc"], SECRETS))


def test_a_list_that_does_not_fit_is_told_for_those_who_scan() -> None:
    codes, size = told(Platform.IOS, ADDRESS, Prefix.parse("192.0.2.77"))
    assert (codes, size > MOST_BYTES) == (["W502"], True)
    assert told(Platform.WINDOWS, ADDRESS, Prefix.parse("192.0.2.77"))[0] == []


def test_a_list_that_fits_is_not() -> None:
    codes, size = told(Platform.IOS, Prefix.parse("2001:db8::/48"), Prefix.parse("10.0.0.0/8"))
    assert (codes, size < MOST_BYTES) == ([], True)


def test_what_does_not_fit_without_the_exceptions_is_not_their_fault() -> None:
    codes, size = told(Platform.ANDROID, Prefix.parse("10.0.0.0/8"), peers=40)
    assert (codes, size > MOST_BYTES) == ([], True)
