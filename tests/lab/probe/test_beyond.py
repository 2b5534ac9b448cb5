"""What lies beyond the mesh is measured where it is named. That it is, is tested in whole labs."""

from __future__ import annotations

from pathlib import Path

from meshc.lab.lab_source import prepare
from meshc.lab.probe.beyond import addressed
from meshc.lab.probe.measure import Subject
from meshc.lab.report.lab_report import Key
from meshc.lab.report.predictor import Predictor
from tests.support.workspaces import write_topology

TEXT = """
meshc: 1
network: {name: n, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: hub.example-vpn.dev, exit_node: true}
  guest: {exit: hub}
  thief: {exit: hub}
  a: {}
policies:
  - {from: guest, to: internet, allow: tcp/443}
  - {from: [guest, thief, a], to: hub}
"""


def test_addresses_on_the_internet_are_called_by_themselves() -> None:
    subject = Subject({"a": {4: "10.44.0.2"}}, {})
    found = addressed(subject, [Key("a", "1.1.1.1", 4)])
    assert found.addresses == {"a": {4: "10.44.0.2"}, "1.1.1.1": {4: "1.1.1.1"}}


def test_ports_at_the_internet_are_foretold_for_users_of_the_exit(tmp_path: Path) -> None:
    source = prepare(write_topology(tmp_path, TEXT), None, lambda _: None)
    predictor = Predictor.of(source)
    kinds = [("tcp", 443), ("tcp", 80), ("udp", 443)]
    found = predictor.served(Key("guest", "1.1.1.1", 4), {}, kinds)
    assert [found[kind].reachable for kind in kinds] == [True, False, False]
    assert "hub drops it" in found["tcp", 80].reason


def test_who_goes_there_beside_the_tunnel_is_made_to_go_through_it(tmp_path: Path) -> None:
    source = prepare(write_topology(tmp_path, TEXT), None, lambda _: None)
    pairs = [("a", "1.1.1.1"), ("guest", "1.1.1.1"), ("a", "2606:4700:4700::1111")]
    known = [Key("guest", "1.1.1.1", 4)]
    found = Predictor.of(source).beside_the_mesh(pairs, known)
    assert list(found) == [Key("a", "1.1.1.1", 4)]
    assert not found[Key("a", "1.1.1.1", 4)].reachable
