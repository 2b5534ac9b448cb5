"""The script for OpenWrt as a whole; it runs in a shell, against a stand-in for uci."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from meshc.prefixes import Prefix
from meshc.render.openwrt_script import openwrt
from meshc.topology.language.spec import Platform
from meshc.topology.planner.mesh_plan import Forwarding, MeshPlan
from tests.support.keyed_plans import (
    POOLS,
    governed,
    mesh_plan,
    private_key,
    secrets_of,
    small_plan,
)

LANS = (Prefix.parse("192.168.1.0/24"),)


def relay(platform: Platform, forwarding: Forwarding) -> MeshPlan:
    plan = small_plan(forwarding=forwarding)
    hub = plan.nodes["hub"]
    changed = replace(hub, spec=replace(hub.spec, platform=platform, dns=("10.44.0.1",)))
    return mesh_plan(governed(changed), plan.nodes["laptop"], plan.nodes["phone"])


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
    assert "firewall.meshc_wg0_zone.mtu_fix=1" in settings
    assert "firewall.meshc_wg0_in.dest_port=51820" in settings
    assert not [s for s in settings if s.endswith("=forwarding")], "zones are never opened whole"
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
