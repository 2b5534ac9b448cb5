"""The whole analysis in one call."""

from __future__ import annotations

from hypothesis import given, settings

from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import Spec
from meshc.topology.planner.addressing.lock_text import Lock
from meshc.topology.planner.analysis import analyse
from tests.support import specs
from tests.support.networks import networks
from tests.support.specs import node


def test_findings_of_all_rules_come_together() -> None:
    spec = specs.spec(
        [node("a", address="10.45.0.1"), node("b", routes="10.44.0.0/25"), node("c", exit="a")]
    )
    found = Diagnostics()
    made = analyse(spec, Lock(), found)
    assert {d.code for d in found} == {"E200", "E202", "E212", "E300", "I230", "W204"}
    assert sorted(made.allocation.addresses) == ["a", "b", "c"]


@settings(deadline=None)
@given(networks(most=10))
def test_it_never_raises_and_every_finding_has_a_hint(spec: Spec) -> None:
    found = Diagnostics()
    analyse(spec, Lock(), found)
    assert all(d.hint for d in found)
