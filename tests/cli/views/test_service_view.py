"""The story of a service in words. With rules: `tests/cli/test_policy`."""

from __future__ import annotations

from meshc.cli.views.service_view import service_data, service_text
from meshc.topology.language.spec import Service
from meshc.topology.proof.service_explanation import ServiceStory


def test_a_pair_without_a_common_family() -> None:
    story = ServiceStory("a", "b", Service("icmp"), False, ())
    assert service_text(story) == (
        "a does not reach b at icmp.\nThey have no address family in common."
    )
    assert service_data(story) == {
        "a": "a", "b": "b", "service": "icmp", "works": False, "legs": []
    }  # fmt: skip
