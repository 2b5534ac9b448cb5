"""Trials of services: whether some packet of a service gets from one host to another."""

from __future__ import annotations

from typing import NamedTuple

from meshc.topology.language.spec import Service
from meshc.topology.obligations.access import Access
from meshc.topology.proof.access_classes import service_classes
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.walk import Packet, Trace, walk
from meshc.values import dataclass, field


class Trial(NamedTuple):
    """From an address whose packets begin at `origin`. Without a `service`, any that arrives will
    do; of a service, `every` kind of packet must, or any."""

    family: int
    origin: str
    source: int
    target: int
    service: Service | None
    every: bool = True


@dataclass(slots=True)
class ServiceTrials:
    """Walks packets, each kind once."""

    network: NetworkModel
    access: Access | None
    _known: dict[Trial, Trace | None] = field(default_factory=dict)

    def needed(self, service: Service | None) -> bool:
        """Whether what is carried is not all there is to say."""
        return self.access is not None or service is not None

    def fault(self, trial: Trial) -> Trace | None:
        """The walk of a packet that is lost; None when what should arrive does."""
        if trial not in self._known:
            self._known[trial] = self._try(trial)
        return self._known[trial]

    def _try(self, trial: Trial) -> Trace | None:
        family, origin, source, target, service, every = trial
        rules = self.access.rules if self.access is not None else ()
        services = [one for rule in rules for one in rule.services]
        lost: Trace | None = None
        for protocol, port in service_classes([*services, *([service] if service else [])], ()):
            if service is not None and not _is_of(service, protocol, port):
                continue
            packet = Packet(family, source, target, protocol=protocol, port=port)
            trace = walk(self.network, origin, packet)
            if not trace.delivered:
                lost = lost or trace
            elif service is None or not every:
                return None
        return lost


def _is_of(service: Service, protocol: str, port: int) -> bool:
    if service.protocol == "all":
        return True
    return service.protocol == protocol and service.first <= port <= service.last
