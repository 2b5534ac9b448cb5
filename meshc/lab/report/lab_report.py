"""What a lab run found: predicted and measured for every pair, and the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from meshc.values import dataclass, field


class Key(NamedTuple):
    """One direction of one pair in one family; each end is a node, or a host behind one."""

    source: str
    target: str
    family: int


@dataclass(frozen=True, slots=True)
class Predicted:
    """What the proof says. `path` is every node from source to target, relays in between;
    `reason` is why not, when it does not arrive. `asleep` names the node that cannot start the
    session it needs, while the other side may: such a pair is measured after a silence. Of what is
    not `judged` the proof claims nothing: neither that it arrives nor that it does not. What is
    `owed` the topology asks for, whatever the files say. `missing` is the other side of the session
    that is not there; `tcp` whether a connection passes as a ping does."""

    reachable: bool
    path: tuple[str, ...] = ()
    reason: str = ""
    asleep: str = ""
    judged: bool = True
    owed: bool = False
    missing: str = ""
    tcp: bool = True


@dataclass(frozen=True, slots=True)
class Measured:
    """What the packets did. `path` None means that it was not traced; `mtu` is the size that
    was tried, `mtu_ok` whether it passed; `tcp` None means not tried; `ms` the round trip."""

    reachable: bool
    path: tuple[str, ...] | None = None
    ms: float | None = None
    tcp: bool | None = None
    mtu: int = 0
    mtu_ok: bool | None = None
    mbit: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """Predicted against measured. `problems` is empty when they agree."""

    key: Key
    predicted: Predicted
    measured: Measured
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems

    @property
    def relays(self) -> int:
        """Predicted relays in between. The router in front of a LAN host is not one of them."""
        ends = 2 + self.key.source.startswith(LAN) + self.key.target.startswith(LAN)
        return max(0, len(self.predicted.path) - ends)

    @property
    def kind(self) -> str:
        """`direct`, `relayed`, `blocked` (as predicted), `broken` (the same, but the topology asks
        for it) or `wrong`."""
        if not self.ok:
            return "wrong"
        if not self.predicted.reachable:
            return "broken" if self.predicted.owed else "blocked"
        return "relayed" if self.relays else "direct"


@dataclass(frozen=True, slots=True)
class Check:
    """Anything beside the matrix: an exit that must not leak, a line of `tests:`, a recovery. What
    fails as the proof says it must is `proven`."""

    group: str
    name: str
    passed: bool
    detail: str = ""
    seconds: float | None = None
    proven: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LabReport:
    """A whole run. `engines` maps a node to what ran it; `absent` to why it did not take part."""

    network: str
    file: str
    engines: Mapping[str, str]
    cells: tuple[Cell, ...]
    checks: tuple[Check, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return self.code == WORKS

    @property
    def agrees(self) -> bool:
        """Measured equals proven, whatever the file's own `tests:` ask for."""
        others = (c.passed or c.proven for c in self.checks if c.group != TESTS)
        return all(cell.ok for cell in self.cells) and all(others)

    @property
    def code(self) -> int:
        """The exit code: whether proof and lab are at one, then whether the network does what it
        should."""
        if not self.agrees:
            return DIFFERS
        if self.broken() or any(c.proven for c in self.checks if not c.passed):
            return BROKEN
        return WORKS if all(check.passed for check in self.checks) else DIFFERS

    @property
    def verdict(self) -> str:
        """In a few words, for every kind of report."""
        if not self.agrees:
            return "measured differs from the proof"
        words = {
            WORKS: "measured equals proven",
            BROKEN: "measured equals proven, and the network is broken",
            DIFFERS: "measured equals proven, but a line of tests: fails",
        }
        return words[self.code]

    def broken(self) -> dict[str, list[Key]]:
        """Pairs that the topology asks for and that are lost as proven, by the reason."""
        return self._lost("broken")

    def blocked(self) -> dict[str, list[Key]]:
        """Pairs that are blocked as proven, by the reason, the commonest first."""
        return self._lost("blocked")

    def _lost(self, kind: str) -> dict[str, list[Key]]:
        found: dict[str, list[Key]] = {}
        for cell in self.cells:
            if cell.kind == kind:
                found.setdefault(cell.predicted.reason or "unreachable", []).append(cell.key)
        return dict(sorted(found.items(), key=lambda item: -len(item[1])))

    def next_steps(self) -> tuple[str, ...]:
        """Commands that look into what went wrong; none when nothing did."""
        if self.passed:
            return ()
        wrong = [cell.key for cell in self.cells if not cell.ok]
        lost = {**self.broken(), **self.blocked()}
        pairs = wrong or [key for keys in lost.values() for key in keys]
        node = pairs[0].source if pairs else min(self.engines, default="NODE")
        steps = [f"meshc lab up {self.file}", f"meshc lab exec {node} -- wg"]
        if pairs and not any(name.startswith(LAN) for name in pairs[0][:2]):
            steps.insert(0, f"meshc explain {self.file} {pairs[0].source} {pairs[0].target}")
        return tuple(steps)

    def failures(self) -> Iterator[str]:
        """A sentence for everything that is not as predicted."""
        for cell in self.cells:
            key = cell.key
            for problem in cell.problems:
                yield f"{key.source} → {key.target} (IPv{key.family}): {problem}"
            if cell.kind == "broken":
                yield f"{key.source} → {key.target} (IPv{key.family}): {broken_words(cell)}"
        for check in self.checks:
            if not check.passed:
                yield f"{check.group}: {check.name}: {check.detail}"

    def failure_groups(self) -> list[tuple[str, list[Key]]]:
        """What differs, each problem once with the pairs that have it, the commonest first; then
        the failed checks, which have none."""
        found: dict[str, list[Key]] = {}
        for cell in self.cells:
            more = (broken_words(cell),) if cell.kind == "broken" else ()
            for problem in (*cell.problems, *more):
                found.setdefault(problem, []).append(cell.key)
        groups = sorted(found.items(), key=lambda item: -len(item[1]))
        failed = [check for check in self.checks if not check.passed]
        return [*groups, *((f"{one.group}: {one.name}: {one.detail}", []) for one in failed)]

    def to_dict(self) -> dict[str, Any]:
        """For `--json`; keys are those of the values above."""
        return {
            "network": self.network,
            "file": self.file,
            "passed": self.passed,
            "verdict": self.verdict,
            "exit_code": self.code,
            "engines": dict(self.engines),
            "absent": dict(self.absent),
            "remarks": list(self.remarks),
            "seconds": dict(self.seconds),
            "pairs": [
                {
                    **cell.key._asdict(),
                    "ok": cell.ok,
                    "problems": list(cell.problems),
                    "predicted": asdict(cell.predicted),
                    "measured": asdict(cell.measured),
                }
                for cell in self.cells
            ],
            "checks": [asdict(check) for check in self.checks],
            "failures": list(self.failures()),
        }


def compare(
    predicted: Mapping[Key, Predicted],
    measured: Mapping[Key, Measured],
    mute: Collection[Key] = frozenset(),
) -> tuple[Cell, ...]:
    """Joins both, in the order of the predictions; what was not measured is a problem. `mute` are
    pairs of relay and source where the relay's ICMP errors do not get to the source."""
    cells = []
    for key, expected in predicted.items():
        found = measured.get(key, Measured(False, detail="not measured"))
        hidden = {hop for hop in expected.path if Key(hop, key.source, key.family) in mute}
        cells.append(Cell(key, expected, found, tuple(disagreements(expected, found, hidden))))
    return tuple(cells)


def claimed(predicted: Mapping[Key, Predicted]) -> dict[Key, Predicted]:
    """Those that a measurement can be held against."""
    return {key: value for key, value in predicted.items() if value.judged}


def unclaimed(predicted: Mapping[Key, Predicted]) -> list[str]:
    """A remark for each reason why pairs are left out, with the pairs."""
    found: dict[str, list[Key]] = {}
    for key, value in predicted.items():
        if not value.judged:
            found.setdefault(value.reason, []).append(key)
    return [f"not measured: {named(keys, 3)}: {reason}" for reason, keys in found.items()]


def disagreements(
    expected: Predicted, found: Measured, hidden: Collection[str] = ()
) -> Iterator[str]:
    """Every way in which a measurement differs from its prediction, as sentences. `hidden` are
    relays whose own words do not get back to the source: they may stay silent on the path."""
    if expected.reachable and not found.reachable:
        yield f"predicted to arrive, but nothing came back ({found.detail or 'silence'})"
        return
    if not expected.reachable and found.reachable:
        yield f"arrives, although the proof says: {expected.reason or 'unreachable'}"
        return
    if not expected.reachable:
        return
    if found.path is not None and expected.path and not _same(found.path, expected.path, hidden):
        yield f"took {arrow(found.path)} instead of {arrow(expected.path)}"
    if found.tcp is True and not expected.tcp:
        yield "TCP passes, although the proof says that only a ping does"
    if found.tcp is False and expected.tcp:
        yield f"ping passes, TCP does not ({found.detail or 'no answer'})"
    if found.mtu_ok is False:
        yield f"a packet of the interface's MTU, {found.mtu} bytes, does not pass"


def _same(found: Sequence[str], expected: Sequence[str], hidden: Collection[str]) -> bool:
    return len(found) == len(expected) and all(
        seen == hop or (seen == SILENT and hop in hidden)
        for seen, hop in zip(found, expected, strict=True)
    )


def broken_words(cell: Cell) -> str:
    return f"proven broken: {cell.predicted.reason or 'unreachable'}"


def arrow(path: Sequence[str]) -> str:
    return " → ".join(path)


def named(keys: Sequence[Key], most: int) -> str:
    """Pairs by name, each once whatever its families, and how many more there are."""
    pairs = list(dict.fromkeys(f"{key.source} → {key.target}" for key in keys))
    more = f" and {len(pairs) - most:,} more" if len(pairs) > most else ""
    return ", ".join(pairs[:most]) + more


def pairs_in_words(cells: Sequence[Cell]) -> str:
    """How many ordered pairs there are in each family, in the words of the proof."""
    families = sorted(Counter(cell.key.family for cell in cells).items())
    return "; ".join(
        f"IPv{family}: {number:,} ordered pair{'' if number == 1 else 's'}"
        for family, number in families
    )


def count(cells: Iterable[Cell]) -> dict[str, int]:
    """How many ordered pairs there are of each kind; one in both families counts twice."""
    total = dict.fromkeys(KINDS, 0)
    for cell in cells:
        total[cell.kind] += 1
    return total


def axes(cells: Iterable[Cell]) -> tuple[list[str], list[str]]:
    """Rows and columns of the matrix: nodes in order, then hosts on LANs."""
    keys = [cell.key for cell in cells]

    def ordered(names: set[str]) -> list[str]:
        return sorted(names, key=lambda name: (name.startswith(LAN), name))

    sources = {key.source for key in keys}
    return ordered(sources), ordered({*sources, *(key.target for key in keys)})


# The group of checks that are lines of the file's `tests:`.
TESTS = "tests"
# From best to worst: where two families differ, the worse one is shown.
KINDS = ("direct", "relayed", "blocked", "broken", "wrong")
# Exit codes of `meshc lab test`; 2 is for a lab that could not run.
WORKS, DIFFERS, BROKEN = 0, 1, 3
LAN = "lan:"
SILENT = "?"
