"""The script for OpenWrt as a whole; it runs in a shell, against a stand-in for uci."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from meshc.prefixes import Prefix
from meshc.render.firewall import uci
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
from tests.support.policy_networks import OFFICE, policy_network

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


def with_policies(tmp_path: Path, *, fw4: bool = True) -> tuple[MeshPlan, str]:
    """The script with the router's own paths in a directory of the test, and nft as a stand-in
    that keeps what it is given."""
    plan = policy_network(OFFICE.format(platform="openwrt")).plan
    script = openwrt(plan, plan.nodes["office"], secrets_of(plan))
    script = script.replace("/etc/nftables.d", str(tmp_path / "nft.d"))
    script = script.replace("/sbin/fw4", "/bin/sh" if fw4 else "/no/fw4")
    return plan, 'nft() { [ "$*" = "-c -f -" ] && cat > CHECKED; }\n'.replace(
        "CHECKED", str(tmp_path / "checked")
    ) + script


def test_policies_are_a_file_that_the_router_s_firewall_includes(tmp_path: Path) -> None:
    plan, script = with_policies(tmp_path)
    calls = run(script, tmp_path)
    text = (tmp_path / "nft.d/meshc-wg0.policy").read_text()
    assert text.splitlines() == list(uci.policy_lines("wg0", plan.nodes["office"].firewall))
    assert text in (tmp_path / "checked").read_text(), "nothing is written that nft refuses"
    settings = [call[1] for call in calls if call[0] == "set"]
    assert f"firewall.meshc_wg0_policy.path={tmp_path}/nft.d/meshc-wg0.policy" in settings
    assert calls[-3:] == [
        ["init", "firewall", "reload"],
        ["init", "network", "reload"],
        ["init", "firewall", "reload"],
    ], "the rules are there before the tunnel"
    assert sorted(path.name for path in (tmp_path / "nft.d").iterdir()) == ["meshc-wg0.policy"]


def test_a_router_without_fw4_is_left_as_it_is(tmp_path: Path) -> None:
    _, script = with_policies(tmp_path, fw4=False)
    with pytest.raises(subprocess.CalledProcessError):
        run(script, tmp_path)
    assert not (tmp_path / "nft.d").exists()


def test_without_policies_nothing_of_them_is_left_on_the_router(tmp_path: Path) -> None:
    """Neither when there never were any, nor of a build before, nor anything of others."""
    plan = relay(Platform.OPENWRT, Forwarding((4, 6), POOLS, relay=True, lans=LANS))
    script = openwrt(plan, plan.nodes["hub"], secrets_of(plan))
    assert "fw4" not in script
    script = script.replace("/etc/nftables.d", str(tmp_path / "nft.d"))
    calls = run(script, tmp_path)
    assert not [call for call in calls if call[0] == "set" and "policy" in call[1]]
    (tmp_path / "nft.d").mkdir()
    for name in ("meshc-wg0.policy", "meshc-wg1.policy", "10-own.nft"):
        (tmp_path / "nft.d" / name).write_text("")
    assert run(script, tmp_path) == calls * 2, "it ran to its end once more"
    left = sorted(path.name for path in (tmp_path / "nft.d").iterdir())
    assert left == ["10-own.nft", "meshc-wg1.policy"]
