"""Figures of paths, read back by Prometheus' own parser."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from meshc.agent.path_metrics import path_exposition
from meshc.agent.path_status import PathStatus

LABELS = ("interface", "kind", "friendly_name")


def samples(**found: PathStatus) -> dict[tuple[str, ...], float]:
    text = path_exposition(found).decode()
    return {
        (sample.name, *(sample.labels[k] for k in LABELS if k in sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_which_way_a_leaf_goes_now() -> None:
    leaf = PathStatus(
        {"r1": "dead", "r2": "live"}, "r2", direct={"b": "direct", "c": "relayed: x"}, since=7.0
    )
    assert samples(wg0=leaf) == {
        ("meshc_path", "wg0", "home", "r1"): 0,
        ("meshc_path", "wg0", "home", "r2"): 1,
        ("meshc_path", "wg0", "direct", "b"): 1,
        ("meshc_path", "wg0", "direct", "c"): 0,
        ("meshc_path_live", "wg0", "r1"): 0,
        ("meshc_path_live", "wg0", "r2"): 1,
        ("meshc_home_since_seconds", "wg0"): 7,
    }


def test_who_lives_with_a_relay() -> None:
    assert samples(wg1=PathStatus({"r2": "live"}, leaves=("a",), draining=True)) == {
        ("meshc_path", "wg1", "leaf", "a"): 1,
        ("meshc_path_live", "wg1", "r2"): 1,
        ("meshc_draining", "wg1"): 1,
    }
