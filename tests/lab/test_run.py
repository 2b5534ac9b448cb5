"""Examples of the repository as labs: real engines, the very files of a build, the proof."""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from meshc.lab.commands import RunCommand
from meshc.lab.lab_session import open_session
from meshc.lab.lab_source import prepare, with_nats
from meshc.lab.node_jobs import RUNNERS
from meshc.lab.probe.port_checks import try_ports
from meshc.lab.report.predictor import Predictor
from meshc.lab.run import measure_all, run_test, subject_of
from meshc.lab.world.keeper import HostFiles
from meshc.lab.world.layout_options import LayoutOptions
from meshc.lab.world.places import Shape
from meshc.secret import SecretBytes
from meshc.topology.language.spec import Nat
from meshc.wg.conf import parse
from meshc.wg.overhead import DEFAULT_MTU
from tests.support.running import without_engines
from tests.support.workspaces import write_topology

EXAMPLES = Path(__file__).parents[2] / "examples" / "topologies"
SCAN = Path(__file__).parents[1] / "support" / "port_scan.py"

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed"),
]
needs_wireguard_go = pytest.mark.skipif(
    shutil.which("wireguard-go") is None, reason="wireguard-go is not installed"
)


def silent(_: str) -> None:
    """Nobody watches."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("example", "engine"),
    [
        ("client-server", "bundled"),
        ("exit", "bundled"),
        ("nat-to-nat", "bundled"),
        ("lans", "bundled"),
        ("site-lan", "bundled"),
        pytest.param("relay", "mixed", marks=needs_wireguard_go),
        pytest.param("dual-stack", "mixed", marks=needs_wireguard_go),
        pytest.param("two-relays", "mixed", marks=needs_wireguard_go),
    ],
)
def test_measured_equals_proven(example: str, engine: str) -> None:
    source = prepare(EXAMPLES / example / "mesh.yaml", None, silent)
    session = open_session(source, engine=engine)
    with session.lab:
        report = run_test(session)
    assert list(report.failures()) == []
    assert len(report.cells) > 0
    assert any(cell.measured.path for cell in report.cells)


@pytest.mark.slow
def test_a_sleeping_pair_is_measured_after_a_silence() -> None:
    """Found by the agreement run: a relay that has lost an endpoint can answer, but not call."""
    source = prepare(EXAMPLES / "server-server" / "mesh.yaml", None, silent)
    text = source.files["server1"].files["wg0.conf"].reveal().decode()
    mute = "".join(
        line for line in text.splitlines(keepends=True) if not line.startswith("Endpoint")
    )
    source = replace(
        source,
        confs={**source.confs, "server1": parse(mute)},
        files={**source.files, "server1": HostFiles({"wg0.conf": SecretBytes(mute.encode())})},
    )
    session = open_session(source)
    with session.lab:
        report = run_test(session)
    assert [cell.problems for cell in report.cells] == [(), ()]
    found = {cell.key.source: cell.measured.reachable for cell in report.cells}
    assert found == {"server1": False, "server2": True}


@pytest.mark.slow(seconds=60)
@pytest.mark.parametrize("shape", [Shape(delay=300), Shape(loss=8, delay=5)], ids=str)
def test_lines_that_lose_and_delay_raise_no_alarm(shape: Shape) -> None:
    """At 300 ms two public ends that begin at once give up their sessions for each other's."""
    source = prepare(EXAMPLES / "two-relays" / "mesh.yaml", None, silent)
    session = open_session(source, options=LayoutOptions(shape=shape))
    with session.lab:
        report = run_test(session)
    assert list(report.failures()) == []
    assert all(cell.measured.reachable for cell in report.cells)


@pytest.mark.slow
def test_what_no_rule_accepts_is_not_forwarded() -> None:
    """Found by the agreement run: a machine that forwards by itself hides a missing rule."""
    source = prepare(EXAMPLES / "lans" / "mesh.yaml", None, silent)
    text = source.files["gw-newyork"].files["wg0.conf"].reveal().decode()
    lines = text.splitlines(keepends=True)
    deaf = "".join(line for line in lines if "-o %i -s 192.168.12.0/24 -j ACCEPT" not in line)
    assert deaf != text
    source = replace(
        source,
        confs={**source.confs, "gw-newyork": parse(deaf)},
        files={**source.files, "gw-newyork": HostFiles({"wg0.conf": SecretBytes(deaf.encode())})},
    )
    session = open_session(source)
    with session.lab:
        report = run_test(session)
    assert [problem for cell in report.cells for problem in cell.problems] == []
    lost = {cell.key for cell in report.cells if not cell.measured.reachable}
    speaks = {cell.key for cell in report.cells if cell.key.source == "lan:gw-newyork"}
    spoken_to = {cell.key for cell in report.cells if cell.key.target == "lan:gw-newyork"}
    assert (len(speaks), len(spoken_to)) == (4, 4)
    assert lost == speaks | spoken_to, "the LAN's questions and its answers, and nothing else"


@pytest.mark.slow
def test_what_the_proof_leaves_open_is_remarked_upon_and_not_measured() -> None:
    source, relay = prepare(EXAMPLES / "relay" / "mesh.yaml", None, silent), "public-server1"
    text = source.files[relay].files["wg0.conf"].reveal().decode()
    rule = "PostUp = iptables -w -A INPUT -i %i -p tcp --dport 9 -j DROP\n"
    choosy = text.replace("[Interface]\n", f"[Interface]\n{rule}", 1)
    source = replace(
        source,
        confs={**source.confs, relay: parse(choosy)},
        files={**source.files, relay: HostFiles({"wg0.conf": SecretBytes(choosy.encode())})},
    )
    session = open_session(source)
    with session.lab:
        report = run_test(session)
    assert list(report.failures()) == []
    assert len(report.cells) == 4 * 3, "the others, whose packets the relay only passes on"
    assert all(relay not in cell.key for cell in report.cells)
    assert any("--dport 9" in remark for remark in report.remarks)


@pytest.mark.slow
@pytest.mark.parametrize("runner", RUNNERS)
def test_what_runs_is_the_emitted_text_whoever_runs_it(runner: str) -> None:
    """A rule among the hooks of the relay stops what it says, in the prediction and in the lab,
    though node.json beside it knows of none."""
    source, relay = prepare(EXAMPLES / "relay" / "mesh.yaml", None, silent), "public-server1"
    text = source.files[relay].files["wg0.conf"].reveal().decode()
    rule = "PostUp = iptables -w -I FORWARD -i %i -o %i -j REJECT\n[Peer]\n"
    deaf = text.replace("[Peer]\n", rule, 1)
    files = {**source.files[relay].files, "wg0.conf": SecretBytes(deaf.encode())}
    source = replace(
        source,
        confs={**source.confs, relay: parse(deaf)},
        files={**source.files, relay: HostFiles(files)},
    )
    session = open_session(source, runner=runner)
    with session.lab:
        report = run_test(session)
    assert [problem for cell in report.cells for problem in cell.problems] == []
    stopped = [cell for cell in report.cells if not cell.measured.reachable]
    assert len(stopped) == 6
    assert all(relay not in cell.key for cell in stopped)


POLICIES = """\
meshc: 1
network: {name: rules, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: hub.example-vpn.dev}
  web: {endpoint: web.example-vpn.dev}
  anna: {nat: symmetric}
  ben: {nat: symmetric}
policies:
  - {from: anna, to: web, allow: icmp}
  - {from: ben, to: web}
"""


PORTS = """\
meshc: 1
network: {name: ports, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: hub.example-vpn.dev}
  web: {endpoint: web.example-vpn.dev}
  anna: {nat: symmetric}
  ben: {nat: symmetric, address: 10.44.0.9}
policies:
  - {from: anna, to: web, allow: tcp/8000-8100}
  - {from: ben, to: web, allow: [udp/53, icmp]}
  - {from: web, to: hub, allow: tcp/9}
"""


@pytest.mark.slow
def test_policies_are_measured_by_pings_and_by_connections(tmp_path: Path) -> None:
    """Who may ping and not connect, who may do both, and all others nothing."""
    session = open_session(prepare(write_topology(tmp_path, POLICIES), None, silent))
    with session.lab:
        report = run_test(session)
    assert list(report.failures()) == []
    found = {c.key[:2]: c.measured.tcp for c in report.cells if c.measured.reachable}
    assert found == {("anna", "web"): False, ("ben", "web"): True}


COMPANY = EXAMPLES / "company" / "mesh.yaml"


@needs_wireguard_go
@pytest.mark.slow(seconds=120)
def test_the_company_holds_in_the_lab_and_a_contractor_reaches_one_port() -> None:
    """Every line of its `tests:` is measured and holds; a scan of all ports of all nodes from a
    contractor's finds the one that he may use, and the name server's of the relay."""
    source = prepare(COMPANY, None, silent)
    session = open_session(source, engine="mixed")
    own = source.addresses
    targets = [a for name in source.confs if name != "con1" for a in own(name).values()]
    targets += [host.address for host in session.world.lan_hosts]
    with session.lab:
        report = run_test(session)
        heard = [
            session.lab.call("con1", RunCommand((sys.executable, str(SCAN), *words)), timeout=100)
            for words in (("600", *targets), ("65535", own("erp")[4]))
        ]
    assert list(report.failures()) == []
    assert report.remarks == ()
    groups = Counter(check.group for check in report.checks)
    assert groups["policies"] == len(source.spec.policies or ()) + 1
    assert groups["tests"] > 150
    assert [one.code for one in heard] == [0, 0]
    found = [{line for line in one.output.splitlines() if line} for one in heard]
    assert found[0] == {
        *(f"{address} 443" for address in own("erp").values()),
        *(f"{address} 53" for address in own("relay-a").values()),
    }
    assert found[1] == {f"{own('erp')[4]} 443"}


@pytest.mark.slow(seconds=60)
def test_routers_hold_who_stands_behind_them_to_the_policies() -> None:
    """A network with OpenWrt and RouterOS: every rule and every line of its `tests:` is measured
    and holds, with the rules of their scripts."""
    source = prepare(EXAMPLES / "routers" / "mesh.yaml", None, silent)
    session = open_session(source)
    with session.lab:
        report = run_test(session)
    assert list(report.failures()) == []
    groups = Counter(check.group for check in report.checks)
    assert groups["policies"] == len(source.spec.policies or ()) + 1
    assert groups["tests"] > 60
    assert [note.partition(":")[0] for note in report.remarks] == ["gw-shop", "gw-store"]


@pytest.mark.slow(seconds=60)
def test_a_rule_that_is_not_as_proven_is_found_out(tmp_path: Path) -> None:
    """What runs is changed behind the proof's back: a port more, a port less, another sender."""
    session = open_session(prepare(write_topology(tmp_path, PORTS), None, silent))
    faults = {
        "-I INPUT 1 -i wg0 -p tcp --dport 8101 -j ACCEPT": "anna → web tcp/8101 (IPv4) passes",
        "-I INPUT 1 -i wg0 -p tcp --dport 8100 -j DROP": "anna → web tcp/8100 (IPv4) does not pass",
        "-I INPUT 1 -i wg0 -s 10.44.0.9 -j ACCEPT": "ben → web tcp/8000 (IPv4) passes",
    }
    found: dict[str, list[str]] = {}
    with session.lab:
        predictor = Predictor.of(session.source)
        subject = subject_of(session, predictor.pairs())
        cells = measure_all(session, subject, predictor.pairs(), silent)

        def problems() -> list[str]:
            trials = try_ports(session, subject, predictor, cells, silent, patience=5.0)
            return [one.text for one in trials.tried if one.problem]

        assert problems() == []
        for fault in faults:
            for action in ("-I", "-D"):
                words = fault.replace("-I INPUT 1", f"{action} INPUT{' 1' * (action == '-I')}")
                session.lab.call("web", RunCommand(("iptables", "-w", *words.split())))
                if action == "-I":
                    found[fault] = problems()
    for fault, told in faults.items():
        assert any(text.startswith(told) for text in found[fault]), (fault, found[fault])


NFTABLES = """\
meshc: 1
network: {name: sets, addresses: [10.44.0.0/24, "fd44::/64"], firewall: nftables}
nodes:
  hub: {role: relay, endpoint: hub.example-vpn.dev}
  anna: {nat: symmetric}
  ben: {nat: symmetric}
policies:
  - {from: anna, to: ben, allow: [udp/53, icmp]}
"""


@pytest.mark.slow
def test_a_relay_with_nftables_alone_passes_on_what_is_allowed(tmp_path: Path) -> None:
    """Found by random policies: a host whose iptables drops what it forwards, drops also what
    its nftables accepts."""
    session = open_session(prepare(write_topology(tmp_path, NFTABLES), None, silent))
    with session.lab:
        report = run_test(session)
    assert list(report.failures()) == []
    reached = {(c.key.source, c.key.target) for c in report.cells if c.measured.reachable}
    assert reached == {("anna", "ben")}


APP = """\
meshc: 1
network: {name: app, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: hub.example-vpn.dev, exit_node: true}
  phone: {nat: symmetric, platform: ios, exit: hub, dns: 9.9.9.9, exit_except: [private]}
"""


@pytest.mark.slow
def test_an_app_keeps_its_own_packets_out_of_the_tunnel(tmp_path: Path) -> None:
    """Its file routes the hub's own address into the tunnel, by a part of the internet."""
    session = open_session(prepare(write_topology(tmp_path, APP), None, silent))
    with session.lab:
        report = run_test(session)
    assert list(report.failures()) == []
    assert any("reaches the internet over IPv4 as hub" in check.name for check in report.checks)


@pytest.mark.slow
def test_a_wrong_file_is_found_out() -> None:
    """The lab must be able to say no: a NAT that the file does not know cuts a link."""
    source = prepare(EXAMPLES / "nat-to-nat" / "mesh.yaml", None, silent)
    truth = with_nats(source, dict.fromkeys(source.spec.nodes, Nat.SYMMETRIC))
    session = open_session(truth)
    with session.lab:
        session.source = source  # the prediction still believes the file
        report = run_test(session)
    assert not report.passed
    assert any("nothing came back" in line for line in report.failures())


def test_nodes_and_the_hosts_behind_them_are_measured_by_their_own_addresses() -> None:
    source = prepare(EXAMPLES / "lans" / "mesh.yaml", None, silent)
    with without_engines(source) as session:
        found = subject_of(session)
        hosts = {host.place: session.world.places[host.place] for host in session.world.lan_hosts}
    assert found.addresses.keys() == source.confs.keys() | hosts.keys()
    assert len(hosts) == 3
    for name, host in hosts.items():
        assert found.addresses[name] == {4: host.addresses[0][1].address}
        assert found.owner(found.addresses[name][4]) == name
    for name, conf in source.confs.items():
        assert found.addresses[name] == {4: conf.addresses[0].address}
        assert found.mtu[name] == (conf.mtu or DEFAULT_MTU)
