"""What is in the way on a machine, and only that, is a finding with what mends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshc.build.pipeline import compare_file, compile_file
from meshc.deploy.machine_facts import ForeignDrop, ForeignRoute, MachineFacts, MachineQuestion
from meshc.deploy.plan.difference import difference
from meshc.deploy.plan.machine_findings import in_the_way, machine_findings, question
from meshc.deploy.plan.target import Target, targets
from tests.support.deploys import SALT, deployed, empty

NOW = 1_800_000_000.0
MESH = """\
meshc: 1
network: {{name: testnet, addresses: [10.44.0.0/24{six}]}}
nodes:
  hub: {{role: relay, endpoint: 198.51.100.1, deploy: {{host: hub{deploy}}}}}
  lan: {{endpoint: 198.51.100.2, routes: [172.16.0.0/12]}}
  leaf: {{}}
"""


def hub(directory: Path, *, six: bool = False, deploy: str = "") -> Target:
    file = directory / "mesh.yaml"
    file.write_text(MESH.format(six=", fd44::/64" if six else "", deploy=deploy))
    compile_file(file)
    return targets(compare_file(file))[0]


def codes(target: Target, running: bool = False, **machine: Any) -> list[str]:
    facts = deployed(target) if running else empty()
    found = difference(target, facts, SALT)
    asked = MachineFacts(**{"time": int(NOW), **machine})
    return [one.code for one in machine_findings(target, asked, found, now=NOW)]


DROP = ForeignDrop("UDP port 51820", "INPUT of iptables", "policy DROP", "open it")


@pytest.mark.parametrize(
    ("machine", "wanted"),
    [
        ({}, []),
        ({"holder": "openvpn (process 1)"}, ["E711"]),
        ({"closed": ("/proc/sys/net/ipv4/ip_forward",)}, ["E713"]),
        ({"drops": (DROP,)}, ["W714"]),
        ({"routes": (ForeignRoute("172.16.0.0/12", "tun0"),)}, ["W715"]),
        ({"routes": (ForeignRoute("172.17.0.0/16", "docker0"),)}, ["W715"]),
        # the tunnel's are more specific, or elsewhere
        ({"routes": (ForeignRoute("10.0.0.0/8", "tun0"), ForeignRoute("192.0.2.0/24", "e"))}, []),
        ({"path_mtu": {"198.51.100.2": 1479}}, ["W716"]),
        ({"path_mtu": {"198.51.100.2": 1480}}, []),
        ({"time": int(NOW) - 121}, ["W717"]),
        ({"time": int(NOW) + 121}, ["W717"]),
        ({"time": int(NOW) - 119}, []),
        ({"ipv6": False}, []),
    ],
)
def test_each_has_its_code(tmp_path: Path, machine: dict[str, Any], wanted: list[str]) -> None:
    assert codes(hub(tmp_path), **machine) == wanted


def test_ipv6_is_in_the_way_of_wg_quick_only_and_only_when_it_begins(tmp_path: Path) -> None:
    assert codes(hub(tmp_path, six=True), ipv6=False) == ["E712"]
    assert codes(hub(tmp_path, six=True), running=True, ipv6=False) == []
    own = hub(tmp_path, six=True, deploy=", supervisor: meshc")
    assert codes(own, ipv6=False) == []


@pytest.mark.parametrize(
    ("more", "value", "wanted"),
    [
        ("", "1", ["E718"]),
        ("", "0", ["E718"]),
        ("", "", []),
        (", supervisor: meshc", "1", []),
        (", supervisor: meshc", "0", ["E718"]),
    ],
)
def test_a_mark_that_cannot_be_set_is_told_to_users_of_an_exit(
    tmp_path: Path, more: str, value: str, wanted: list[str]
) -> None:
    """As wg-quick does: it writes the value also where it is there (`tests/node/test_built_node.py`
    has such a container)."""
    file = tmp_path / "mesh.yaml"
    file.write_text(EXIT.replace("{host: box}EXCEPT", f"{{host: box{more}}}"))
    compile_file(file)
    target = targets(compare_file(file))[0]
    facts = MachineFacts(time=int(NOW), valid_mark=value)
    found = difference(target, empty(), SALT)
    told = [*machine_findings(target, facts, found, now=NOW)]
    assert [one.code for one in told] == wanted
    assert all(("wg-quick writes it" in one.message) == (value == "1") for one in told)
    assert codes(hub(tmp_path), valid_mark="1") == [], "it uses no exit"


EXIT = """\
meshc: 1
network: {name: testnet, addresses: [10.44.0.0/24]}
nodes:
  box: {exit: vps, deploy: {host: box}EXCEPT}
  vps: {endpoint: 198.51.100.1, exit_node: true}
"""


def test_an_exit_user_without_ipv6_is_told_how_its_file_does_without_it(tmp_path: Path) -> None:
    """That it then comes up: `tests/node/test_built_node.py`."""
    file = tmp_path / "mesh.yaml"
    for text, wanted in (
        (", outputs: [networkmanager]", [True]),
        ("", []),
        (', exit_except: ["::/0"]', []),
    ):
        file.write_text(EXIT.replace("EXCEPT", text))
        compile_file(file)
        target = targets(compare_file(file))[0]
        found = difference(target, empty(), SALT)
        told = machine_findings(target, MachineFacts(time=int(NOW), ipv6=False), found, now=NOW)
        assert ['exit_except: ["::/0"]' in str(one.hint) for one in told] == wanted


def test_a_node_is_asked_of_its_port_its_families_and_its_ways(tmp_path: Path) -> None:
    assert question(hub(tmp_path)) == MachineQuestion(51820, (4,), ("198.51.100.2",))


def test_words_of_a_machine_are_short_and_printable(tmp_path: Path) -> None:
    target = hub(tmp_path)
    drop = ForeignDrop(*["\x1b[2J" + "x" * 10_000] * 4)
    machine = MachineFacts(holder="\x1b]0;x", drops=(drop,) * 50, time=-(2**62))
    found = list(machine_findings(target, machine, difference(target, empty(), SALT), now=NOW))
    for one in found:
        assert one.message.isprintable()
        assert len(one.message) + len(one.hint) < 2000
    assert len(found) < 10


def test_only_what_makes_the_node_unreachable_counts_as_in_the_way(tmp_path: Path) -> None:
    target = hub(tmp_path)
    found = difference(target, empty(), SALT)
    for machine, wanted in ((MachineFacts(drops=(DROP,)), True), (MachineFacts(time=1), False)):
        assert in_the_way(machine_findings(target, machine, found, now=NOW)) == wanted
