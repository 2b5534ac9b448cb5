"""Changes that cut the way to their own nodes: both ends in one moment, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.innernet import HOMES, InnerField, inner_field
from tests.support.netns import needs_root, wait_until

pytestmark = [*needs_root, pytest.mark.slow(90)]


def all_reached(here: InnerField) -> bool:
    return all(here.reached(name) for name in ("hub", *HOMES))


def test_keys_ports_and_addresses_of_a_hub_whose_leaves_are_behind_it(tmp_path: Path) -> None:
    with inner_field(tmp_path) as here:
        assert all_reached(here)
        for what in ("keys", "port"):
            if what == "port":
                here.write(port=51999)
            else:
                here.rotate("hub")
            alone = here.net.deploy("hub", check=False)
            assert alone.returncode == 1, what
            assert "E708" in alone.stderr + alone.stdout, what
            said = here.net.deploy("--all").stdout
            assert said.count(": deployed") == 4, (what, said)
            assert all_reached(here), what
            here.net.wait_for_traffic("hub", *HOMES)
        # which the leaves need not know of: they take everything from the pool
        here.write(hub="10.44.0.77")
        assert "hub: deployed" in here.net.deploy("hub").stdout
        assert all_reached(here)
        assert "Nothing to change" in here.net.deploy("--all").stdout


def test_a_leaf_that_cannot_take_part_keeps_all_of_them_as_they_were(tmp_path: Path) -> None:
    """It fails when it is put to work, with nobody there who could be told."""
    with inner_field(tmp_path) as here:
        before = here.net.machines["hub"].shell("wg show wg0 public-key")
        here.rotate("hub")
        here.write(leaf=", post_up: [cat /nowhere]")
        failed = here.net.deploy("--all", "--window", "40", check=False)
        assert failed.returncode == 1
        assert failed.stdout.count(": put back") == 3, failed.stdout
        # the hook's own words, unless the time for asking was over before the way was back
        reasons = ("PostUp", "/nowhere", "home1 was not reached through a new connection")
        assert any(reason in failed.stdout for reason in reasons), failed.stdout
        assert here.net.machines["hub"].shell("wg show wg0 public-key") == before
        wait_until(lambda: all_reached(here), patience=90, what="the old network")
        here.net.wait_for_traffic("hub", *HOMES)


@pytest.mark.parametrize("step", [("hub", "committed"), ("hub", "confirmed")], ids="-".join)
def test_wherever_the_controller_dies_every_node_is_reached_afterwards(
    tmp_path: Path, step: tuple[str, str]
) -> None:
    """Before the first confirm all go back, from it on all stay. `benchmarks/deploy_changes.py` has
    it die at every step."""
    with inner_field(tmp_path) as here:
        here.rotate("hub")
        before = here.net.machines["hub"].shell("wg show wg0 public-key")
        assert here.deploy_and_die(*step, window=30) == -9
        for name in ("hub", *HOMES):
            wait_until(
                lambda n=name: here.state(n) in ("rolled-back", "confirmed"),
                patience=240,
                what=f"the end on {name}",
            )
        wait_until(lambda: all_reached(here), patience=60, what="the way to every node")
        here.net.wait_for_traffic("hub", *HOMES)
        new = here.net.machines["hub"].shell("wg show wg0 public-key") != before
        assert new == (step[1] == "confirmed")
        here.net.deploy("--all")
        assert "Nothing to change" in here.net.deploy("--all").stdout
