"""The proof: walks the emitted files with WireGuard's and Linux's semantics.

It knows the topology file's facts (names, sites, NATs, endpoints, tests) and nothing of the
planner: the two are independent roads to the same answer.
"""

from __future__ import annotations

from meshc.topology.verify.facts import Expectation, NodeFacts, NodeFile, expectation
from meshc.topology.verify.failures import RelayFailure
from meshc.topology.verify.proof import Proof, prove
from meshc.topology.verify.walk import Trace, World

__all__ = [
    "Expectation",
    "NodeFacts",
    "NodeFile",
    "Proof",
    "RelayFailure",
    "Trace",
    "World",
    "expectation",
    "prove",
]
