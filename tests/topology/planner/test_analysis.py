"""The whole analysis in one call."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from meshc.diagnostics import Diagnostics
from meshc.topology.language.load import load_spec
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


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("{a}", "{b}"),
        ("{a}/32", "b"),
        ("a", "{b}/32"),
        ("a", "10.44.0.0/24"),
    ],
)
def test_a_pair_is_declared_apart_by_an_address_that_was_allocated(
    source: str, target: str
) -> None:
    """A test names a node as the user likes; most addresses are written nowhere but in the lock."""
    text = "meshc: 1\nnetwork: {name: t, addresses: [10.44.0.0/24]}\nnodes: {a: , b: }\n"
    before = Diagnostics()
    plain = load_spec(text, file="mesh.yaml", diagnostics=before)
    assert plain is not None
    given = analyse(plain, Lock(), before).allocation.addresses
    assert [d.code for d in before] == ["E200"]

    words = {name: prefixes[0].address for name, prefixes in given.items()}
    source, target = source.format(**words), target.format(**words)
    text += f'tests: [{{from: ["{source}"], to: ["{target}"], expect: unreachable}}]\n'
    found = Diagnostics()
    spec = load_spec(text, file="mesh.yaml", diagnostics=found)
    assert spec is not None
    analyse(spec, Lock(), found)
    assert [d.code for d in found] == []


@settings(deadline=None)
@given(networks(most=10))
def test_it_never_raises_and_every_finding_has_a_hint(spec: Spec) -> None:
    found = Diagnostics()
    analyse(spec, Lock(), found)
    assert all(d.hint for d in found)
