"""Killed in the middle: the controller while the node is at work, the node's program at any of its
changes. The node ends as it was, or as the confirmed new one, and nothing lies beside.

`benchmarks/deploy_kills.py` tries every step and every change.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.deploynet import field
from tests.support.killed_deploys import CHANGES, STEPS, killed_commits, killed_controllers
from tests.support.netns import needs_root

pytestmark = [*needs_root, pytest.mark.slow(20)]


def test_the_controller_is_killed_while_the_node_is_at_work(tmp_path: Path) -> None:
    with field(tmp_path, "hub", "public") as net:
        ways = [*((step, True) for step in STEPS), ("commit", False)]
        ends = killed_controllers(net, ways)
        assert {way for way, change in ends.items() if change} == {("confirm", True)}


@pytest.mark.parametrize(("how", "first"), [("restart", 0), ("sync", 1), ("start", 2)])
def test_the_program_is_killed_at_a_change_of_a_commit(
    tmp_path: Path, how: str, first: int
) -> None:
    """At each third of them, which are others each time: most are the same whatever there is to
    do."""
    with field(tmp_path, "hub") as net:
        limits = [*range(first, CHANGES[how], 3), CHANGES[how]]
        ended = killed_commits(net, how, limits)
        assert ended[0] == "killed"
        assert ended[-1] == "survived", "more changes than are known"
