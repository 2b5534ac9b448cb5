"""Machines that are restarted, or lose their power, in the middle of a deploy. What must hold
afterwards is asserted here."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.bootednet import BootedField
from tests.support.netns import wait_until

STATES = ("candidate", "committing", "commit-confirmed")
WAYS = ("reboot", "power cut")
_STEPS = {"candidate": "staged", "commit-confirmed": "committed"}  # of the controller


def restarted_deploys(
    here: BootedField, first: Sequence[tuple[str, str]], again: Sequence[tuple[str, str]]
) -> None:
    """The hub is restarted in these states and ways: while it gets its first file, and another one
    later. Each time it is as it was before."""
    for state, way in first:
        _stop_in(here, state)
        restart(here, way)
        assert (here.state(), here.files(), here.mtu()) == ("rolled-back", [], 0), (state, way)
    here.write(hub=", mtu: 1300")
    here.net.deploy("--all")
    before = here.hub.shell("cat /etc/wireguard/wg0.conf"), here.files()
    for state, way in again:
        _stop_in(here, state)
        assert here.state() == state
        assert "meshc-restore-wg0.service" in str(here.files())
        restart(here, way)
        assert here.state() == "rolled-back", state
        assert (here.hub.shell("cat /etc/wireguard/wg0.conf"), here.files()) == before
        assert here.mtu() == 1300
        here.net.wait_for_traffic("hub", "public")


def restart(here: BootedField, way: str) -> None:
    """Nothing of ours fails while it boots."""
    if way == "reboot":
        here.hub.reboot()
    else:
        here.hub.cut_power()
        here.hub.boot()
    here.wait_for_sshd()
    assert here.hub.shell("systemctl --failed --no-legend list-units 'meshc*' 'wg-quick*'") == ""


def _stop_in(here: BootedField, state: str) -> None:
    """A deploy whose controller dies in this state, with so much time left that the watcher has
    no part in what follows."""
    if state == "committing":
        here.write(hub=', mtu: 1350, post_up: ["touch /run/hooked; sleep 300"]')
        controller = here.start_deploy(window=600)
        wait_until(
            lambda: here.hub.shell("ls /run") and "hooked" in here.hub.shell("ls /run"),
            patience=180,
        )
        controller.kill()
        controller.wait()
    else:
        here.write(hub=", mtu: 1350")
        here.deploy_and_die(_STEPS[state], window=600)
