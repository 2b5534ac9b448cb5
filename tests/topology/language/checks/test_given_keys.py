"""Keys that a file gives."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.topology.language.load import load_spec
from tests.support.language_codes import HEAD


def test_the_second_use_of_a_key_is_the_mistake() -> None:
    key = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="
    diagnostics = Diagnostics()
    text = HEAD % "10.44.0.0/24" + (
        f"nodes:\n  z: {{public_key: {key}}}\n  a: {{public_key: {key}}}\n"
    )
    load_spec(text, file="f", diagnostics=diagnostics)
    (found,) = diagnostics
    assert found.path == "nodes.a.public_key"
