from __future__ import annotations

from meshc.lab.probe.checks import unallocated
from meshc.prefixes import Prefix

P = Prefix.parse


def test_an_unallocated_address_is_found_from_above() -> None:
    pool = P("10.0.0.0/29")
    used = {P("10.0.0.6")}
    assert unallocated(pool, used) == "10.0.0.5"
    everyone = {P(f"10.0.0.{n}") for n in range(8)}
    assert unallocated(pool, everyone) is None
