"""Measures a running lab: what arrives, which way it went, at which size, and by TCP.

The path is read from the network itself: requests with a hop limit of 1, 2, ... are answered by
the relays in between, and the last by the target; the hop limit of an answer says how many relays
the way back had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from meshc.lab.probe.probes import PLAIN_TTL
from meshc.lab.report.lab_report import SILENT, Key, Measured
from meshc.lab.world.control import Lab
from meshc.lab.world.jobs import Job
from meshc.values import dataclass

PING, TCP = "meshc.lab.probe.probes:ping", "meshc.lab.probe.probes:tcp"
PARALLEL = 8
# A lost handshake message is sent again after 5 s (whitepaper 6.1, REKEY_TIMEOUT), with up to
# a third of a second of jitter; two in a row may be lost while both ends come up.
PATIENCE = 17.0
DOUBT = 2.0
# What should pass is waited for so many times longer as long as answers keep coming in.
SLOWNESS = 8


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured: `addresses` of each target by family (nodes, and hosts behind them),
    `mtu` of each node, and which name an address belongs to when a relay answers."""

    addresses: Mapping[str, Mapping[int, str]]
    mtu: Mapping[str, int]

    def owner(self, address: str) -> str:
        for name, found in self.addresses.items():
            if address in found.values():
                return name
        return address


def reachability(
    lab: Lab,
    subject: Subject,
    hopeful: Iterable[Key],
    hopeless: Iterable[Key],
    *,
    patience: float = PATIENCE,
    doubt: float = DOUBT,
    strict: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[Key, Measured]:
    """Pings every pair. The hopeful ones are tried until they pass or `patience` (seconds) is
    over; the hopeless ones come after that, when every session that can stand does stand, and are
    tried for `doubt` seconds. With `strict` the patience is not stretched on a slow machine."""
    hopeful, hopeless = list(hopeful), list(hopeless)
    tell(f"ping, {len(hopeful)} pairs that should pass")
    most = patience * (1 if strict else SLOWNESS)
    options = {"seconds": patience, "most": most, "interval": 0.4}
    found = _pings(lab, subject, hopeful, options)
    if hopeless:
        tell(f"ping, {len(hopeless)} pairs that should not pass")
        found |= _pings(
            lab,
            subject,
            hopeless,
            {"seconds": doubt, "interval": 0.6, "tries": max(2, round(doubt / 0.6))},
            patient=False,
        )
    return found


def paths(
    lab: Lab, subject: Subject, measured: Mapping[Key, Measured], hops: Mapping[Key, int]
) -> dict[Key, Measured]:
    """Adds the path to every pair that was reached, and the round trip time without a handshake
    in it; `hops` is how many relays to look for."""
    keys = [key for key, value in measured.items() if value.reachable]
    targets = {
        key: [
            {"address": subject.addresses[key.target][key.family], "ttl": ttl}
            for ttl in range(1, hops.get(key, 0) + 2)
        ]
        for key in keys
    }
    answers = _batch(lab, PING, targets, {"seconds": 4.0, "most": 4.0 * SLOWNESS, "interval": 0.5})
    result = dict(measured)
    for key, heard in answers.items():
        path = _path(subject, key, heard)
        result[key] = replace(measured[key], path=path, ms=heard[-1].get("ms", measured[key].ms))
    return result


def sizes(lab: Lab, subject: Subject, measured: Mapping[Key, Measured]) -> dict[Key, Measured]:
    """Adds whether a packet of exactly the pair's MTU passes, in one piece and back."""
    targets: dict[Key, list[dict[str, Any]]] = {}
    for key, value in measured.items():
        if value.reachable:
            mtu = min(subject.mtu[key.source], subject.mtu.get(key.target, 1500))
            address = subject.addresses[key.target][key.family]
            targets[key] = [{"address": address, "size": mtu}]
    answers = _batch(lab, PING, targets, {"seconds": 3.0, "most": 3.0 * SLOWNESS, "interval": 0.4})
    result = dict(measured)
    for key, (heard,) in answers.items():
        passed = heard["kind"] == "reply"
        result[key] = replace(measured[key], mtu=int(targets[key][0]["size"]), mtu_ok=passed)
    return result


def connections(
    lab: Lab, subject: Subject, measured: Mapping[Key, Measured]
) -> dict[Key, Measured]:
    """Adds whether TCP reaches the very machine that was meant."""
    targets = {
        key: [{"address": subject.addresses[key.target][key.family]}]
        for key, value in measured.items()
        if value.reachable
    }
    answers = _batch(lab, TCP, targets, {"seconds": 40.0})
    result = dict(measured)
    for key, (heard,) in answers.items():
        right = heard.get("name") == key.target
        detail = "" if right else heard.get("error") or f"{heard.get('name')} answered"
        result[key] = replace(measured[key], tcp=right, detail=detail)
    return result


def _pings(
    lab: Lab,
    subject: Subject,
    keys: Sequence[Key],
    options: Mapping[str, Any],
    *,
    patient: bool = True,
) -> dict[Key, Measured]:
    targets: dict[Key, list[dict[str, Any]]] = {}
    for key in keys:
        address = subject.addresses.get(key.target, {}).get(key.family)
        if address is not None and key.family in subject.addresses.get(key.source, {}):
            targets[key] = [{"address": address, "patient": patient}]
    answers = _batch(lab, PING, targets, options)
    missing = Measured(False, detail="no address in this family")
    return {key: _measured(answers[key][0]) if key in answers else missing for key in keys}


def _measured(heard: Mapping[str, Any]) -> Measured:
    if heard["kind"] == "reply":
        return Measured(True, ms=heard["ms"])
    detail = heard.get("error") or ("" if heard["kind"] == "none" else heard["kind"])
    return Measured(False, detail=detail)


def _batch(
    lab: Lab, call: str, targets: Mapping[Key, list[dict[str, Any]]], options: Mapping[str, Any]
) -> dict[Key, list[dict[str, Any]]]:
    """One job per source with the targets of all its keys; answers are dealt back out."""
    by_source: dict[str, list[Key]] = {}
    for key in targets:
        by_source.setdefault(key.source, []).append(key)
    jobs = [
        Job(source, call, {"targets": [t for key in keys for t in targets[key]], **options})
        for source, keys in by_source.items()
    ]
    found: dict[Key, list[dict[str, Any]]] = {}
    for outcome in lab.run(
        jobs, parallel=PARALLEL, timeout=options.get("most", options["seconds"]) + 60
    ):
        heard = outcome.result
        if outcome.error:
            heard = None
        at = 0
        for key in by_source[outcome.place]:
            size = len(targets[key])
            silent = {"kind": "none", "error": outcome.error}
            found[key] = heard[at : at + size] if heard is not None else [silent] * size
            at += size
    return found


def _path(subject: Subject, key: Key, heard: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Source, who said "time exceeded" at each hop limit, and the target if it answered at the
    last one. A hop that stayed silent is `?`; a longer way than expected ends in `...`."""
    path = [key.source]
    for answer in heard:
        if answer["kind"] == "reply":
            path.append(key.target)
            back = PLAIN_TTL - int(answer["ttl"])
            if back != len(path) - 2:
                path.append(f"(back over {back} relays)")
            return tuple(path)
        path.append(subject.owner(answer["from"]) if answer["kind"] == "exceeded" else SILENT)
    return (*path, "...")
