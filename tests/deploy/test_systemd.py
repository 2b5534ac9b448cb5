"""Deployments to a machine that systemd runs: units, reboots, and what happens in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.bootednet import BootedField, booted_field
from tests.support.netns import needs_root, wait_until

pytestmark = [*needs_root, pytest.mark.slow]
ENGINE = "WG_QUICK_USERSPACE_IMPLEMENTATION=/usr/local/bin/meshc-engine"
DROP_IN = "/etc/systemd/system/wg-quick@wg0.service.d/meshc.conf"
OWN_UNIT = "/etc/systemd/system/meshc@wg0.service"


def test_the_unit_of_wg_quick(tmp_path: Path) -> None:
    """Enabled, with its engine; back after a reboot; a second deploy changes nothing."""
    with booted_field(tmp_path) as here:
        here.write()
        here.net.deploy("--all")
        assert here.is_("active", "wg-quick@wg0")
        assert here.is_("enabled", "wg-quick@wg0")
        assert here.hub.read(DROP_IN) == ""
        here.net.wait_for_traffic("hub", "public")
        _reboot(here)
        assert "2 of 2 nodes are up to date" in here.net.deploy("--all").stdout

        here.write(deploy=", supervisor: wg-quick, engine: bundled")
        assert "run by another engine" in here.net.deploy("hub").stdout
        assert ENGINE in here.hub.read(DROP_IN)
        here.net.wait_for_traffic("hub", "public")
        _reboot(here)
        assert "2 of 2 nodes are up to date" in here.net.deploy("--all").stdout


def _reboot(here: BootedField) -> None:
    here.hub.reboot()
    here.wait_for_sshd()
    here.net.wait_for_traffic("hub", "public")


PHASES = ("armed", "applying", "applied")


@pytest.mark.parametrize("way", ["reboot", "power cut"])
def test_a_restart_in_the_middle_puts_back_what_ran(tmp_path: Path, way: str) -> None:
    """In each phase; nobody but the node itself has a hand in it."""
    with booted_field(tmp_path) as here:
        here.write(hub=", mtu: 1300")
        here.net.deploy("--all")
        before = here.hub.shell("cat /etc/wireguard/wg0.conf"), here.files()
        for phase in PHASES:
            _stop_in(here, phase)
            assert here.phase() == phase
            assert "meshc-restore-wg0.service" in str(here.files())
            if way == "reboot":
                here.hub.reboot()
            else:
                here.hub.cut_power()
                here.hub.boot()
            here.wait_for_sshd()
            assert here.phase() == "restored", phase
            assert (here.hub.shell("cat /etc/wireguard/wg0.conf"), here.files()) == before
            assert here.mtu() == 1300
            here.net.wait_for_traffic("hub", "public")
        here.write(hub=", mtu: 1350")
        assert "hub: deployed" in here.net.deploy("hub").stdout


def _stop_in(here: BootedField, phase: str) -> None:
    """A deploy whose controller dies in this phase, with so much time left that the watcher has
    no part in what follows."""
    if phase == "applying":
        here.write(hub=', mtu: 1350, post_up: ["touch /run/hooked; sleep 300"]')
        controller = here.start_deploy(window=600)
        wait_until(lambda: here.hub.shell("ls /run") and "hooked" in here.hub.shell("ls /run"))
        controller.kill()
        controller.wait()
    else:
        here.write(hub=", mtu: 1350")
        here.deploy_and_die(phase, window=600)
