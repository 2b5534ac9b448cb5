"""The proof: walks the emitted files with WireGuard's and Linux's semantics.

It knows the topology file's facts (names, sites, NATs, endpoints, tests) and nothing of the
planner: the two are independent roads to the same answer.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from meshc.topology.proof.expectation import (
    Expectation,
    NodeFacts,
    NodeFile,
    ReadOutput,
    expectation,
    is_router_script,
    output_name,
)
from meshc.topology.proof.verdict import Verdict

if TYPE_CHECKING:
    from meshc.topology.proof.dead_relays import RelayFailure
    from meshc.topology.proof.network_model import NetworkModel
    from meshc.topology.proof.proof import Proof, prove
    from meshc.topology.proof.script_reader import read_script
    from meshc.topology.proof.walk import Trace

__all__ = [
    "Expectation",
    "NetworkModel",
    "NodeFacts",
    "NodeFile",
    "Proof",
    "ReadOutput",
    "RelayFailure",
    "Trace",
    "Verdict",
    "expectation",
    "is_router_script",
    "output_name",
    "prove",
    "read_script",
]

# a build tells the facts in one process and proves in another: the first need not import numpy
_HEAVY = {
    "NetworkModel": "network_model",
    "Proof": "proof",
    "RelayFailure": "dead_relays",
    "Trace": "walk",
    "prove": "proof",
    "read_script": "script_reader",
}


def __getattr__(name: str) -> object:
    if name not in _HEAVY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HEAVY[name]}"), name)
