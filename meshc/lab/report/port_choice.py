"""The choice of ports: which services a lab tries between two ends, so that each rule of
`policies:` is met where it allows something and right beside that.

A pair is tried with what any rule about its target lets anybody do (others must not), with what
its source may do elsewhere (a rule that has moved), and with what the target may do to the source
(a rule that has been turned round).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from zlib import crc32

from meshc.lab.probe.listening import Kind
from meshc.lab.probe.services import PORT
from meshc.lab.report.lab_report import Key
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Service
from meshc.topology.obligations.access import Access

PORTS = ("tcp", "udp")
LAST_PORT = 65535
# of each pair, whatever the rules say
ALWAYS: tuple[Kind, ...] = (("tcp", PORT), ("udp", PORT))


def inside(service: Service) -> Iterator[Kind]:
    """Packets that are of a service: one at each end of its ports."""
    for protocol in PORTS if service.protocol == "all" else (service.protocol,):
        if protocol not in PORTS:
            continue
        if (service.first, service.last) == (0, LAST_PORT):
            yield protocol, PORT
        else:
            yield protocol, max(1, service.first)
            yield protocol, service.last


def beside(service: Service) -> Iterator[Kind]:
    """Packets that are next to a service, and none of it: the next ports, the other protocol."""
    if service.protocol not in PORTS or (service.first, service.last) == (0, LAST_PORT):
        return
    for port in (service.first - 1, service.last + 1):
        if 0 < port <= LAST_PORT:
            yield service.protocol, port
    other = PORTS[service.protocol == "tcp"]
    yield other, max(1, service.first)


def kinds_between(access: Access, source: Prefix, target: Prefix) -> tuple[Kind, ...]:
    """What is tried from one address to another, sorted."""
    family = source.family
    sends, receives = access.senders[family], access.receivers[family]
    allowed = sends.at(source.value) & receives.at(target.value)
    back = sends.at(target.value) & receives.at(source.value)
    found = set(ALWAYS)
    for number in allowed | receives.at(target.value) | back:
        for service in access.rules[number].services:
            found |= {*inside(service), *(beside(service) if number in allowed else ())}
    for number in sends.at(source.value):
        found |= {kind for s in access.rules[number].services for kind in [*inside(s)][:1]}
    return tuple(sorted(found))


def thinned(
    wanted: Mapping[Key, tuple[Kind, ...]], full: Iterable[Key], most: int
) -> dict[Key, tuple[Kind, ...]]:
    """At most about so many trials. Those of the `full` pairs stay; of the others, whatever falls
    on a number that their names make."""
    kept = set(full)
    total = sum(map(len, wanted.values()))
    fixed = sum(len(kinds) for key, kinds in wanted.items() if key in kept)
    if total <= most:
        return dict(wanted)
    share = max(0.0, most - fixed) / max(1, total - fixed)
    return {
        key: kinds
        if key in kept
        else tuple(k for k in kinds if crc32(repr((key, k)).encode()) < share * (1 << 32))
        for key, kinds in wanted.items()
    }
