"""How a deploy ended: good is what leaves a node as the build says."""

from __future__ import annotations

from meshc.deploy.deploy_outcome import DeployOutcome, End


def test_a_node_is_good_when_it_is_as_the_build_says() -> None:
    good = [end for end in End if DeployOutcome("hub", end).good]
    assert good == [End.UNCHANGED, End.COMMITTED, End.RETIRED]
