"""wg-quick files: every setting, the order of hooks, and nothing that YAML could inject."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.errors import Refused
from meshc.prefixes import Prefix
from meshc.render.wgquick import render
from meshc.topology.language.spec import Platform
from meshc.topology.planner.mesh_plan import MeshPlan
from meshc.wg.conf import parse
from meshc.wg.endpoint import Endpoint
from meshc.wg.sleeping_peers import sleeping_peers
from tests.support.keyed_plans import full_mesh, mesh_plan, secrets_of, small_plan


def text_of(plan: MeshPlan, name: str) -> str:
    return render(plan, plan.nodes[name], secrets_of(plan))


def laptop(domain: str | None = None, **keys: Any) -> MeshPlan:
    """The small plan with other keys for the laptop."""
    plan = small_plan()
    node = plan.nodes["laptop"]
    nodes = {**plan.nodes, "laptop": replace(node, spec=replace(node.spec, **keys))}
    return mesh_plan(*nodes.values(), domain=domain)


def test_a_whole_file() -> None:
    plan = laptop(domain="example-vpn.dev", dns=("1.1.1.1",), fwmark=51820, table="off")
    secret = secrets_of(plan)
    assert secret.network is not None
    node, hub = plan.nodes["laptop"], plan.nodes["hub"]
    psk = secret.network.preshared_key(node.public_key, hub.public_key, 1)
    assert (
        text_of(plan, "laptop")
        == f"""\
[Interface]
# Name = laptop.example-vpn.dev
Address = 10.44.0.2/32, fd44::2/128
PrivateKey = {secret.private_keys["laptop"].reveal()}
DNS = 1.1.1.1, example-vpn.dev
Table = off
FwMark = 51820
MTU = 1420

[Peer]
# Name = hub.example-vpn.dev
PublicKey = {hub.public_key}
PresharedKey = {psk.reveal()}
AllowedIPs = 10.44.0.0/16, fd44::/64
Endpoint = hub.example.dev:51820
PersistentKeepalive = 25
"""
    )


def test_hooks_of_the_user_come_after_ours() -> None:
    plan = small_plan()
    hub = plan.nodes["hub"]
    hooks = {key: (f"echo {key}; ip link show %i",) for key in
             ("pre_up", "post_up", "pre_down", "post_down")}  # fmt: skip
    spec = replace(hub.spec, private_key_file="/etc/wg key", **hooks)  # type: ignore[arg-type]
    plan = mesh_plan(*{**plan.nodes, "hub": replace(hub, spec=spec)}.values())
    conf = parse(text_of(plan, "hub"))
    assert conf.pre_up[-1:] == hooks["pre_up"]
    assert conf.post_up[0] == "wg set %i private-key '/etc/wg key'"
    assert conf.post_up[-1:] == hooks["post_up"]
    assert conf.pre_down == hooks["pre_down"]
    assert conf.post_down[-1:] == hooks["post_down"]
    assert any("MESHC-FWD-%i" in line for line in conf.post_up[1:-1])


@pytest.mark.parametrize(
    "platform", [p for p in Platform if p is not Platform.LINUX], ids=lambda p: p.value
)
def test_other_platforms_have_no_hooks(platform: Platform) -> None:
    plan = laptop(platform=platform, post_up=("echo hello",))
    assert "Up" not in text_of(plan, "laptop")
    if platform is Platform.OPENWRT:
        return  # its script fetches the key
    with pytest.raises(Refused, match="E511 laptop: private_key_file"):
        text_of(laptop(platform=platform, private_key_file="/etc/key"), "laptop")


def test_apps_get_no_key_that_they_refuse() -> None:
    """From `defaults:`, meant for others: the app of iOS knows neither."""
    text = text_of(laptop(platform=Platform.IOS, table="off", fwmark=1), "laptop")
    assert "Table" not in text
    assert "FwMark" not in text


def test_ipv6_endpoints_are_bracketed() -> None:
    plan = small_plan()
    node = plan.nodes["laptop"]
    peer = node.peers[0]._replace(endpoint=Endpoint("2001:db8::7", 51820))
    plan = mesh_plan(*{**plan.nodes, "laptop": replace(node, peers=(peer,))}.values())
    assert "Endpoint = [2001:db8::7]:51820\n" in text_of(plan, "laptop")


@pytest.mark.parametrize("count", [0, 1, 59, 60, 61, 700])
def test_many_prefixes_of_a_peer_are_several_lines(count: int) -> None:
    """wg-quick needs a minute for one of 25,000 characters."""
    plan = small_plan()
    node = plan.nodes["laptop"]
    allowed = tuple(Prefix(4, 0x0A000000 + 4 * n, 32) for n in range(count))
    peer = node.peers[0]._replace(allowed_ips=allowed)
    text = text_of(mesh_plan(replace(node, peers=(peer,)), plan.nodes["hub"]), "laptop")
    assert max(map(len, text.splitlines())) <= 1020
    assert text.count("AllowedIPs = ") == -(-len(", ".join(map(str, allowed))) // 1000)
    assert parse(text).peers[0].allowed_ips == allowed


def test_a_peer_without_anything_has_no_empty_lines() -> None:
    """wg(8) refuses a key with nothing behind it."""
    plan = small_plan()
    node = plan.nodes["laptop"]
    peer = node.peers[0]._replace(allowed_ips=(), endpoint=None, keepalive=0, preshared=False)
    plan = mesh_plan(*{**plan.nodes, "laptop": replace(node, peers=(peer,))}.values())
    section = text_of(plan, "laptop").partition("[Peer]\n")[2]
    assert section == f"# Name = hub\nPublicKey = {peer.public_key}\n"


@pytest.mark.parametrize(
    "bad", ["echo a\n[Peer]", "echo a # b", "a\rb", "a\0b", "a\x1b[2J", "a\x85b"]
)
def test_what_would_become_another_line_is_refused(bad: str) -> None:
    with pytest.raises(Refused) as caught:
        text_of(laptop(post_up=(bad,)), "laptop")
    (found,) = caught.value.diagnostics
    assert found.code == "E510"
    assert "laptop" in found.message
    assert bad not in found.message


@pytest.mark.parametrize(
    "keys",
    [
        {"dns": ("1.1.1.1\nTable = off",)},
        {"table": "off\n[Peer]"},
        {"fwmark": "1\n2"},
        {"domain": "x\ny"},
        {"private_key_command": "a\nb"},
        *({key: ("a\nb",)} for key in ("pre_up", "post_up", "pre_down", "post_down")),
    ],
    ids=lambda keys: next(iter(keys)),
)
def test_every_setting_is_looked_at(keys: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="E510"):
        text_of(laptop(**keys), "laptop")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a\nb"},
        {"public_key": "a\nb"},
        {"endpoint": Endpoint("a\nb", 1)},
        {"keepalive": "1\n2"},
        {"allowed_ips": ("10.0.0.0/8\n",)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_value_of_a_peer_is_looked_at(change: dict[str, Any]) -> None:
    plan = small_plan()
    node = plan.nodes["laptop"]
    peer = node.peers[0]._replace(**change)
    plan = mesh_plan(*{**plan.nodes, "laptop": replace(node, peers=(peer,))}.values())
    with pytest.raises(Refused, match="E510"):
        text_of(plan, "laptop")


@given(st.text(max_size=40))
def test_any_key_file_is_one_word_of_one_line(path: str) -> None:
    try:
        text = text_of(laptop(private_key_file=path), "laptop")
    except Refused:
        return
    conf = parse(text)
    assert len(conf.post_up) == 1
    assert len(conf.peers) == 1
    import shlex

    words = shlex.split(conf.post_up[0])
    assert words == ["wg", "set", "%i", "private-key", path]


@given(st.integers(2, 7), st.randoms(use_true_random=False))
def test_keys_of_links_do_not_depend_on_the_order_of_rendering(count: int, random: Any) -> None:
    from meshc.render.wgquick import WgQuickRenderer

    plan = full_mesh(count)
    nodes = list(plan.nodes.values())
    random.shuffle(nodes)
    renderer = WgQuickRenderer(plan, secrets_of(plan))
    for node in nodes:
        assert renderer.render(node).decode() == text_of(plan, node.name)


def test_a_peer_that_may_sleep_is_marked_for_the_status_of_others() -> None:
    """A comment: WireGuard does not mind, and `meshc status` need not ask the topology."""
    plan = laptop(always_on=False)
    spec = replace(plan.spec, nodes={n: p.spec for n, p in plan.nodes.items()})
    plan = replace(plan, spec=spec)
    assert sleeping_peers(text_of(plan, "hub")) == {plan.nodes["laptop"].public_key}
    assert sleeping_peers(text_of(plan, "laptop")) == frozenset()
