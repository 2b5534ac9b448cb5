"""Changes that cut the way to their own nodes: both ends in one moment, or none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.deadlines import window_is_over
from tests.support.innernet import HOMES, InnerField, inner_field
from tests.support.netns import needs_root, wait_until

pytestmark = [*needs_root, pytest.mark.slow(30)]

LONG = 600.0
"""Seconds that no machine needs: a test brings the deadline forward."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InnerField]:
    with inner_field(tmp_path_factory.mktemp("field")) as made:
        yield made


@pytest.fixture
def here(shared: InnerField) -> Iterator[InnerField]:
    """As the test before left it: every node is reached, and all is as it was built."""
    wait_for_all(shared)
    yield shared
    wait_for_all(shared)
    shared.net.wait_for_traffic("hub", *HOMES)


def wait_for_all(here: InnerField) -> None:
    for name in ("hub", *HOMES):
        wait_until(lambda n=name: here.reached(n), patience=120, what=f"the way to {name}")


def test_keys_and_ports_of_a_hub_whose_leaves_are_behind_it(here: InnerField) -> None:
    here.write(port=51999)
    here.rotate("hub")
    alone = here.net.deploy("hub", check=False)
    assert alone.returncode == 1
    assert "E708" in alone.stderr + alone.stdout
    said = here.net.deploy("--all").stdout
    assert said.count(": deployed") == 4, said
    wait_for_all(here)
    assert "Nothing to change" in here.net.deploy("--all").stdout


def test_an_address_of_the_hub_which_the_leaves_need_not_know_of(here: InnerField) -> None:
    """They take everything from the pool."""
    here.write(hub="10.44.0.77")
    assert "hub: deployed" in here.net.deploy("hub").stdout


def test_a_leaf_that_cannot_take_part_keeps_all_of_them_as_they_were(here: InnerField) -> None:
    """It fails when it is put to work, with nobody there who could be told."""
    before = here.net.machines["hub"].shell("wg show wg0 public-key")
    here.rotate("hub")
    here.write(leaf=", post_up: [cat /nowhere]")
    with here.deploying(window=LONG) as deploy:
        wait_until(lambda: here.state("home1") == "rolled-back", patience=180, what="its failure")
        for name in ("hub", "home2"):
            window_is_over(here.net.machines[name])
        said, _ = deploy.communicate(timeout=240)
    assert deploy.returncode == 1
    assert said.count(": put back") == 3, said
    assert "/nowhere" in said  # the hook's own words
    assert here.net.machines["hub"].shell("wg show wg0 public-key") == before
    wait_for_all(here)
    here.write(leaf="")


@pytest.mark.parametrize("step", [("hub", "committed"), ("hub", "confirmed")], ids="-".join)
def test_wherever_the_controller_dies_every_node_is_reached_afterwards(
    here: InnerField, step: tuple[str, str]
) -> None:
    """Before the first confirm all go back, from it on all stay; also where the hub is late, and
    answers still when the leaves begin to decide. `benchmarks/deploy_changes.py` has it die at
    every step."""
    here.write(slow="sleep 12" if step[1] == "committed" else "")
    here.rotate("hub")
    before = here.net.machines["hub"].shell("wg show wg0 public-key")
    assert here.deploy_and_die(*step, window=LONG) == -9
    if step[1] == "committed":  # all are armed, and the leaves may be at work already
        wait_until(lambda: _at_work(here), patience=60, what="the moment of the switch")
    for name in ("hub", "public"):
        window_is_over(here.net.machines[name])
    for name in HOMES:
        window_is_over(here.net.machines[name], grace=5)
    for name in ("hub", *HOMES):
        wait_until(
            lambda n=name: here.state(n) in ("rolled-back", "confirmed"),
            patience=240,
            what=f"the end on {name}",
        )
    wait_for_all(here)
    new = here.net.machines["hub"].shell("wg show wg0 public-key") != before
    assert new == (step[1] == "confirmed")


def _at_work(here: InnerField) -> bool:
    return all(here.state(name) == "commit-confirmed" for name in ("hub", *HOMES))
