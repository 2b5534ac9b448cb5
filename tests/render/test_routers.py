"""Scripts for OpenWrt and RouterOS: whole texts, and quoting of what could break out.

There is no uci and no RouterOS here; the shell part runs against a stand-in for uci.
"""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.prefixes import Prefix
from meshc.render.escape import routeros_word, uci_word
from meshc.render.routers import openwrt, routeros
from meshc.topology.language.spec import Platform
from meshc.topology.planner.mesh_plan import Forwarding, MeshPlan
from tests.support.keyed_plans import POOLS, mesh_plan, private_key, secrets_of, small_plan

LANS = (Prefix.parse("192.168.1.0/24"),)


def relay(platform: Platform, forwarding: Forwarding) -> MeshPlan:
    plan = small_plan(forwarding=forwarding)
    hub = plan.nodes["hub"]
    changed = replace(hub, spec=replace(hub.spec, platform=platform, dns=("10.44.0.1",)))
    return mesh_plan(changed, plan.nodes["laptop"], plan.nodes["phone"])


def run(script: str, tmp_path: Path) -> list[list[str]]:
    """Every call of uci, and every line of its batches, as words."""
    log = tmp_path / "log"
    script = script.replace("/etc/init.d/", "uci init ")
    fake = (
        'uci() { case "$1 $2" in "-q delete") return 1;; "-q get") echo old;; "-q show") ;;'
        " batch*) cat >> LOG;;"
        ' *) printf "%s " "$@" >> LOG; echo >> LOG;; esac; }\n'
    )
    subprocess.run(["sh", "-c", fake.replace("LOG", str(log)) + script], check=True)
    return [shlex.split(line) for line in log.read_text().splitlines()]


def test_openwrt_of_a_relay_with_everything(tmp_path: Path) -> None:
    plan = relay(
        Platform.OPENWRT,
        Forwarding((4, 6), POOLS, relay=True, lans=LANS, exit=True, clamp_mss=True),
    )
    secrets = secrets_of(plan)
    calls = run(openwrt(plan, plan.nodes["hub"], secrets), tmp_path)
    settings = [call[1] for call in calls if call[0] == "set"]
    lists = [call[1] for call in calls if call[0] == "add_list"]
    assert f"network.wg0.private_key={private_key('hub').reveal()}" in settings
    assert settings.count("network.@wireguard_wg0[-1].route_allowed_ips=1") == 2
    assert "firewall.meshc_wg0_zone.forward=ACCEPT" in settings
    assert "firewall.meshc_wg0_in.dest_port=51820" in settings
    assert "firewall.meshc_wg0_back.src=lan" in settings
    assert [s.partition("=")[2] for s in settings if s.endswith("src_ip=10.44.0.0/16")] != []
    assert "network.wg0.addresses=10.44.0.1/32" in lists
    assert "network.wg0.dns=10.44.0.1" in lists
    assert calls[-4:] == [
        ["commit", "network"],
        ["commit", "firewall"],
        ["init", "network", "reload"],
        ["init", "firewall", "reload"],
    ]


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ({"private_key_command": "echo made"}, "made"),
        ({"public_key": private_key("hub").public_key()}, "old"),
    ],
)
def test_openwrt_with_a_key_of_its_own(keys: dict[str, str], wanted: str, tmp_path: Path) -> None:
    plan = relay(Platform.OPENWRT, Forwarding())
    hub = plan.nodes["hub"]
    node = replace(hub, spec=replace(hub.spec, **keys))  # type: ignore[arg-type]
    secrets = secrets_of(plan)
    kept = {name: key for name, key in secrets.private_keys.items() if name != "hub"}
    calls = run(openwrt(plan, node, replace(secrets, private_keys=kept)), tmp_path)
    assert ["set", f"network.wg0.private_key={wanted}"] in calls


def test_routeros_of_a_router() -> None:
    plan = relay(Platform.ROUTEROS, Forwarding((4, 6), POOLS, relay=True, lans=LANS))
    lines = routeros(plan, plan.nodes["hub"], secrets_of(plan)).splitlines()
    mark = 'comment="meshc wg0"'
    (peer,) = [line for line in lines if 'comment="phone"' in line]
    assert peer.startswith('/interface/wireguard/peers/add interface="wg0" comment="phone"')
    assert "allowed-address=10.44.0.3/32,fd44::3/128" in peer
    for line in (
        '/ip/address/add interface="wg0" address=10.44.0.1/32',
        '/ipv6/address/add interface="wg0" address=fd44::1/128 advertise=no',
        f'/ip/route/add dst-address=10.44.0.3/32 gateway="wg0" {mark}',
        f"/ip/firewall/filter/add action=accept chain=input protocol=udp dst-port=51820 {mark}",
        f"/ip/firewall/filter/move [find {mark}] destination=0",
        "/ip/firewall/nat/add action=masquerade chain=srcnat src-address=10.44.0.0/16 "
        f"dst-address=192.168.1.0/24 {mark}",
    ):
        assert line in lines


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20))
def test_quoting(text: str) -> None:
    assert shlex.split(uci_word(text)) == [text]
    word = routeros_word(text)
    assert word[0] == word[-1] == '"'
    inside = word[1:-1]
    for escaped in ("\\\\", '\\"', "\\$", "\\?"):
        inside = inside.replace(escaped, "")
    assert not set(inside) & set('"$?\\')
