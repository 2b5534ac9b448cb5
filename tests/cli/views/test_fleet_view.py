"""The fleet as people read it."""

from __future__ import annotations

import pytest

from meshc.cli.views.fleet_view import print_fleet
from meshc.cli.views.page import PlainPage
from meshc.deploy.fleet_status import FleetStatus, NodeView, PeerView


def test_a_row_a_node_and_a_line_for_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    peers = {"a": PeerView("live"), "phone": PeerView("live"), "b": PeerView("lost")}
    print_fleet(
        PlainPage(),
        FleetStatus(
            {
                "a": NodeView("a", up=True, home="hub", direct={"c": "direct", "d": "relayed"}),
                "b": NodeView("b", trouble="no route to host"),
                "hub": NodeView("hub", up=True, peers=peers, leaves=("a", "phone")),
                "off": NodeView("off", problems=("the engine has ended",)),
                "phone": NodeView("phone", asked=False),
            }
        ),
    )
    out = capsys.readouterr().out
    rows = {line.split()[0]: line for line in out.splitlines() if line[:1] not in "! "}
    assert rows["a"].split() == ["a", "well", "hub", "1", "hub"]
    assert "unknown" in rows["b"]
    assert "nobody that was asked" in rows["b"]
    assert rows["phone"].split() == ["phone", "seen", "hub", "–", "hub"]
    assert " down " in rows["off"]
    wrong = [line for line in out.splitlines() if line.startswith("!")]
    assert wrong == [
        "! b: did not answer: no route to host",
        "! hub: no session with b",
        "! off: the engine has ended",
    ]
