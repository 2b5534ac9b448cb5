"""Dead relays: what is lost with one. AllowedIPs are static: nothing takes over by itself."""

from __future__ import annotations

from collections.abc import Mapping

from meshc.diagnostics import Diagnostics
from meshc.topology.proof.reachability_matrix import ReachabilityMatrix
from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class RelayFailure:
    """`pairs` ordered pairs of other nodes go through `relay`; for `stranded` of them no other
    relay has sessions to both ends, so that not even a new build could save them."""

    relay: str
    family: int
    pairs: int
    stranded: int
    examples: tuple[tuple[str, str], ...]


def relay_failures(
    names: tuple[str, ...], matrices: Mapping[int, ReachabilityMatrix], found: Diagnostics
) -> tuple[RelayFailure, ...]:
    """One entry per relay, with the family in which it carries most."""
    worst: dict[str, RelayFailure] = {}
    for family, matrix in matrices.items():
        for node, usage in sorted(matrix.usage.items()):
            examples = usage.stranded_examples or usage.examples
            failure = RelayFailure(
                relay=names[node],
                family=family,
                pairs=usage.pairs,
                stranded=usage.stranded,
                examples=tuple((names[a], names[b]) for a, b in examples),
            )
            old = worst.get(failure.relay)
            if old is None or old.pairs < failure.pairs:
                worst[failure.relay] = failure
    failures = tuple(worst[name] for name in sorted(worst))
    for failure in failures:
        if failure.stranded:
            a, b = failure.examples[0]
            one = failure.stranded == 1
            lost = "1 pair is cut off" if one else f"{failure.stranded:,} pairs are cut off"
            found.add(
                "W418",
                f"{failure.relay} is a single point of failure: without it {lost}, "
                f"for example {a} → {b}",
                path=f"nodes.{failure.relay}",
                hint="a second relay that both ends can reach would carry them",
            )
    return failures
