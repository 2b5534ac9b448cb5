"""The names and labels that dashboards know, read back by Prometheus' own parser."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from meshc.node import Health, Status, TunnelStatus
from meshc.node.status_metrics import exposition_text

HUB = TunnelStatus(
    "hub", "K1", "192.0.2.1:1", 12.25, 34, 90, 25, Health.LIVE, ("10.0.0.0/8", "fd44::/64"),
    expected=True,
)  # fmt: skip
BOB = TunnelStatus('b"o\nb', "K2", "", None, 0, 148, 25, Health.LOST, (), expected=True)
PHONE = TunnelStatus("phone", "K3", "", None, 0, 0, 0, Health.ASLEEP, ())


def samples(*found: Status) -> dict[tuple[str, str], tuple[float, dict[str, str]]]:
    text = exposition_text(found, now=1000.25).decode()
    return {
        (sample.name, sample.labels.get("public_key", sample.labels["interface"])): (
            sample.value,
            sample.labels,
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_dashboard_finds_its_names_and_labels() -> None:
    found = samples(Status("wg0", True, peers=(HUB, BOB, PHONE)))
    values = {name: value for (name, key), (value, _) in found.items() if key == "K1"}
    assert values == {
        "wireguard_sent_bytes_total": 90,
        "wireguard_received_bytes_total": 34,
        "wireguard_latest_handshake_seconds": 988,
        "wireguard_latest_handshake_delay_seconds": 12.25,
        "meshc_session_expected": 1,
        "meshc_session_lost": 0,
    }
    _, labels = found["wireguard_sent_bytes_total", "K1"]
    assert labels == {
        "interface": "wg0",
        "public_key": "K1",
        "allowed_ips": "10.0.0.0/8,fd44::/64",
        "friendly_name": "hub",
    }


def test_an_alert_tells_a_phone_from_a_server() -> None:
    found = samples(Status("wg0", True, peers=(HUB, BOB, PHONE)))
    wanted = {key: found["meshc_session_expected", key][0] for key in ("K1", "K2", "K3")}
    lost = {key: found["meshc_session_lost", key][0] for key in ("K1", "K2", "K3")}
    assert wanted == {"K1": 1, "K2": 1, "K3": 0}
    assert lost == {"K1": 0, "K2": 1, "K3": 0}


def test_a_peer_without_a_handshake_has_no_age() -> None:
    found = samples(Status("wg0", True, peers=(BOB,)))
    assert found["wireguard_latest_handshake_seconds", "K2"][0] == 0
    assert ("wireguard_latest_handshake_delay_seconds", "K2") not in found


def test_a_name_that_holds_anything_stays_one_label() -> None:
    found = samples(Status("wg0", True, peers=(BOB,)))
    assert found["meshc_session_lost", "K2"][1]["friendly_name"] == BOB.name


def test_interfaces_that_are_down_or_differ_are_counted() -> None:
    found = samples(
        Status("wg0", True, drift=("x", "y"), problems=("z",)),
        Status("wg1", False),
        Status("wg2", False, unreadable=True),
    )
    names = ("up", "drift", "problems", "status")
    for interface, values in (("wg0", (1, 2, 1, 1)), ("wg1", (0, 0, 0, 2)), ("wg2", (0, 0, 0, 3))):
        got = tuple(found[f"meshc_interface_{name}", interface][0] for name in names)
        assert got == values
