"""Prometheus figures of the paths that agents keep: which way each peer is reached now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from meshc.agent.path_status import PathStatus

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric


def path_exposition(found: Mapping[str, PathStatus]) -> bytes:
    """By interface. `meshc_path` is 1 for the way that is taken: `home` is the relay that a leaf
    lives with, `direct` a leaf that is reached without one; `leaf` lives with this relay."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    class Kept(Collector):
        """What agents have written down."""

        def collect(self) -> Iterable[Metric]:
            return _figures(found)

    registry = CollectorRegistry()
    registry.register(Kept())
    return generate_latest(registry)


def _figures(found: Mapping[str, PathStatus]) -> list[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    labels = ["interface", "kind", "friendly_name"]
    path = GaugeMetricFamily("meshc_path", "1 where this way is taken now", labels=labels)
    live = GaugeMetricFamily(
        "meshc_path_live", "1 where who is probed answers", labels=["interface", "friendly_name"]
    )
    draining = GaugeMetricFamily("meshc_draining", "1 where a relay drains", labels=["interface"])
    moved = GaugeMetricFamily(
        "meshc_home_since_seconds", "Unix time of the last move home", labels=["interface"]
    )
    for interface, status in found.items():
        for name, state in status.relays.items():
            live.add_metric([interface, name], int(state == "live"))
            if status.home:
                path.add_metric([interface, "home", name], int(name == status.home))
        for name, how in status.direct.items():
            path.add_metric([interface, "direct", name], int(how == "direct"))
        for name in status.leaves:
            path.add_metric([interface, "leaf", name], 1)
        if status.home:
            moved.add_metric([interface], status.since)
        else:
            draining.add_metric([interface], int(status.draining))
    return [path, live, draining, moved]
