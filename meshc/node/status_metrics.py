"""Prometheus figures of the interfaces of this machine, whichever engine runs them.

The names of the first four, and their labels, are those of prometheus_wireguard_exporter, which
people's dashboards and alerts know. `meshc_session_expected` tells a phone that sleeps from a
server that is gone: alert where it is 1 and `meshc_session_lost` is 1 as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from meshc.node.interface_status import Health, Status

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_PEER = ["interface", "public_key", "allowed_ips", "friendly_name"]


def exposition_text(found: Sequence[Status], *, now: float) -> bytes:
    """All of it in Prometheus' text format; `now` is unix time."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    class Looked(Collector):
        """What was found."""

        def collect(self) -> Iterable[Metric]:
            return (*_sessions(found, now), *_interfaces(found))

    registry = CollectorRegistry()
    registry.register(Looked())
    return generate_latest(registry)


def _sessions(found: Sequence[Status], now: float) -> list[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    sent = CounterMetricFamily("wireguard_sent_bytes", "Bytes sent to the peer", labels=_PEER)
    received = CounterMetricFamily(
        "wireguard_received_bytes", "Bytes received from the peer", labels=_PEER
    )
    latest = GaugeMetricFamily(
        "wireguard_latest_handshake_seconds",
        "Unix time of the latest handshake, 0 for never",
        labels=_PEER,
    )
    delay = GaugeMetricFamily(
        "wireguard_latest_handshake_delay_seconds",
        "Seconds since the latest handshake; absent when there was none",
        labels=_PEER,
    )
    expected = GaugeMetricFamily(
        "meshc_session_expected", "1 where the peer should have a session", labels=_PEER
    )
    lost = GaugeMetricFamily("meshc_session_lost", "1 where it should and has none", labels=_PEER)
    for one in found:
        for peer in one.peers:
            labels = [one.interface, peer.public_key, ",".join(peer.allowed_ips), peer.name]
            sent.add_metric(labels, peer.sent)
            received.add_metric(labels, peer.received)
            latest.add_metric(labels, 0 if peer.handshake is None else round(now - peer.handshake))
            if peer.handshake is not None:
                delay.add_metric(labels, round(peer.handshake, 3))
            expected.add_metric(labels, int(peer.expected))
            lost.add_metric(labels, int(peer.health is Health.LOST))
    return [sent, received, latest, delay, expected, lost]


def _interfaces(found: Sequence[Status]) -> list[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    up = GaugeMetricFamily("meshc_interface_up", "1 where it is up", labels=["interface"])
    drift = GaugeMetricFamily(
        "meshc_interface_drift", "Differences between machine and file", labels=["interface"]
    )
    problems = GaugeMetricFamily(
        "meshc_interface_problems", "What else is wrong with it", labels=["interface"]
    )
    code = GaugeMetricFamily(
        "meshc_interface_status", "The exit code of `meshc status`", labels=["interface"]
    )
    for one in found:
        up.add_metric([one.interface], int(one.up))
        drift.add_metric([one.interface], len(one.drift))
        problems.add_metric([one.interface], len(one.problems))
        code.add_metric([one.interface], one.exit_code)
    return [up, drift, problems, code]
