"""The lines of `tests:`, held against what was measured (not against the prediction)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from meshc.lab.probe.listening import Kind
from meshc.lab.report.lab_report import LAN, TESTS, Cell, Check, Key, arrow
from meshc.lab.world.places import LanHost
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Expect, Service, TestSpec
from meshc.topology.obligations.claim import Claim, ClaimEnd

UNJUDGED = "not measured: the proof does not judge it"


class MeasuredEnd(NamedTuple):
    """Who stands for one end of a line: `place` is a node, a host on a LAN, or an address on the
    internet; `family` is None where both are meant."""

    written: str
    place: str
    family: int | None = None


class ClaimChecker:
    """Knows what was measured. `beyond` are the addresses on the internet that stand for prefixes
    out there, `unjudged` are pairs that the proof leaves open, `ports` says what of each pair
    was tried and got through. Where addresses of a LAN are told apart (`exact`) nobody stands for
    another."""

    def __init__(
        self,
        cells: Iterable[Cell],
        lan_hosts: Sequence[LanHost],
        beyond: Mapping[str, str],
        unjudged: Iterable[Key] = (),
        ports: Mapping[Key, Mapping[Kind, bool]] = MappingProxyType({}),
        *,
        exact: bool = False,
    ) -> None:
        self.ports, self.exact = ports, exact
        self.lan_hosts, self.beyond = lan_hosts, beyond
        self.left_out = {key[:2] for key in unjudged}
        self.by_pair: dict[tuple[str, str], list[Cell]] = {}
        for cell in cells:
            self.by_pair.setdefault(cell.key[:2], []).append(cell)

    def check(self, claims: Iterable[Claim]) -> Iterator[Check]:
        """A check for every pair that a line speaks of. What was not measured, because the proof
        leaves it open, cannot hold."""
        for claim in claims:
            for source in self.ends(claim.sources):
                for target in self.ends(claim.targets):
                    pair = source.place, target.place
                    found = self._cells(source, target)
                    if pair in self.left_out:
                        name = _name(claim.test, source, target)
                        yield Check(TESTS, name, False, UNJUDGED)
                    elif source.place != target.place and found:
                        yield self._compared(claim.test, source, target, found)

    def unmeasured(self, claims: Iterable[Claim]) -> Iterator[str]:
        """A remark for every line of which nothing was measured."""
        for claim in claims:
            if next(self.check([claim]), None) is None:
                test = claim.test
                ends = f"{', '.join(test.sources)} → {', '.join(test.targets)}"
                yield f"nothing of the test {ends} could be measured"

    def ends(self, end: ClaimEnd) -> list[MeasuredEnd]:
        """Who stands for an end of a line, each once."""
        found = [MeasuredEnd(name, name) for name in end.names]
        found += [MeasuredEnd(name, name, family) for family, name in end.addressed]
        for prefix in end.prefixes:
            written = prefix.address if prefix.is_host else str(prefix)
            hosts = [h for h in self.lan_hosts if prefix.contains(Prefix.host(h.address))]
            if not hosts and not self.exact:
                hosts = [h for h in self.lan_hosts if h.prefix.overlaps(prefix)]
            found += [MeasuredEnd(written, host.place, prefix.family) for host in hosts]
            if not hosts and str(prefix) in self.beyond:
                found.append(MeasuredEnd(written, self.beyond[str(prefix)], prefix.family))
        return list(dict.fromkeys(found))

    def _cells(self, source: MeasuredEnd, target: MeasuredEnd) -> list[Cell]:
        return [
            cell
            for cell in self.by_pair.get((source.place, target.place), [])
            if source.family in (None, cell.key.family) and target.family in (None, cell.key.family)
        ]

    def _compared(
        self, test: TestSpec, source: MeasuredEnd, target: MeasuredEnd, found: Sequence[Cell]
    ) -> Check:
        name = _name(test, source, target)
        for cell in found:
            at = f"IPv{cell.key.family}"
            tried = self._tried(test.service, cell)
            wanted = test.expect is Expect.REACHABLE
            # without a service any will do; of one that must pass, everything must
            passed = all if wanted and test.service is not None else any
            if not tried:
                return Check(TESTS, name, False, f"{at}: no trial was made")
            if passed(tried.values()) != wanted:
                reason = cell.predicted.reason if cell.kind == "blocked" and wanted else ""
                why = f": {reason}" if reason else ""
                words = [word for word, reached in tried.items() if reached != wanted]
                word = "unreachable" if wanted else "reachable"
                which = "" if words == ["icmp"] else f" ({', '.join(words[:3])})"
                return Check(TESTS, name, False, f"{at}: it is {word}{which}{why}")
            path = cell.measured.path
            if test.via is not None and path is not None and cell.measured.reachable:
                between = _between(cell.key, path)
                if between != test.via:
                    return Check(TESTS, name, False, f"{at}: it took {arrow(path)}")
        return Check(TESTS, name, True)

    def _tried(self, service: Service | None, cell: Cell) -> dict[str, bool]:
        """What of a service was tried between two ends, and whether it got through."""
        found = {}
        if service is None or service.protocol in ("icmp", "all"):
            found["icmp"] = cell.measured.reachable
        for (protocol, port), reached in self.ports.get(cell.key, {}).items():
            if service is None or (
                service.protocol in ("all", protocol) and service.first <= port <= service.last
            ):
                found[f"{protocol}/{port}"] = reached
        return found


def _between(key: Key, path: Sequence[str]) -> tuple[str, ...]:
    """The relays on a path: a router belongs to its LAN, and is none."""
    first = 2 if key.source.startswith(LAN) else 1
    last = -2 if key.target.startswith(LAN) else -1
    return tuple(path[first:last])


def _name(test: TestSpec, source: MeasuredEnd, target: MeasuredEnd) -> str:
    via = "" if test.via is None else f" via {', '.join(test.via) or 'nobody'}"
    service = f" {test.service}" if test.service is not None else ""
    return f"{source.written} → {target.written}{service} {test.expect.value}{via}"
