"""What the proof says about a network with one planted fault."""

from __future__ import annotations

from meshc.diagnostics import Diagnostic
from meshc.topology.proof import Proof, prove
from tests.support.wire import Wire


def proof(wire: Wire) -> Proof:
    return prove(wire.files(), wire.expectation())


def findings(wire: Wire) -> list[tuple[str, str]]:
    """(code, message) of everything but the single points of failure, which most have."""
    return [(f.code, f.message) for f in proof(wire).findings if f.code != "W418"]


def finding(wire: Wire, code: str) -> Diagnostic:
    """The one finding with this code."""
    (found,) = [f for f in proof(wire).findings if f.code == code]
    return found
