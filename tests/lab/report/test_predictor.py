"""Predictions for files written here by hand: a relay and two nodes behind NATs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from meshc.keys import PresharedKey, PrivateKey
from meshc.lab.lab_source import LabSource, prepare
from meshc.lab.report.lab_report import Key, Predicted, claimed, unclaimed
from meshc.lab.report.predictor import Predictor, hop_limits, one_way_sessions
from meshc.lab.world.layout import lay_out
from meshc.prefixes import InterfaceAddress, Prefix
from meshc.topology.language.spec import Expect, Nat, TestSpec
from meshc.wg.conf import parse
from tests.support.labs import a_spec, behind, home, relay
from tests.support.workspaces import write_topology

LAN = Prefix.parse("192.168.1.0/24")
FORWARDING = """\
PostUp = sysctl -w net.ipv4.ip_forward=1
PostUp = iptables -w -A FORWARD -i %i -o %i -j ACCEPT
"""
ROUTING = """\
PostUp = sysctl -w net.ipv4.ip_forward=1
PostUp = iptables -w -A FORWARD -i %i -d 192.168.1.0/24 -j ACCEPT
PostUp = iptables -w -A FORWARD -o %i -s 192.168.1.0/24 -j ACCEPT
PostUp = iptables -w -t nat -A POSTROUTING -s 10.44.0.0/24 -d 192.168.1.0/24 -j MASQUERADE
"""


def a_source(*, keepalive: bool = True) -> LabSource:
    keys = {name: PrivateKey.generate() for name in ("relay", "a", "b")}

    def conf(name: str, number: int, extra: str, *peers: str) -> str:
        head = f"[Interface]\nPrivateKey = {keys[name].reveal()}\nAddress = 10.44.0.{number}/32\n"
        return head + extra + "".join(f"[Peer]\n{peer}" for peer in peers)

    def peer(name: str, allowed: str, extra: str = "") -> str:
        return f"PublicKey = {keys[name].public_key()}\nAllowedIPs = {allowed}\n{extra}"

    alive = "PersistentKeepalive = 25\n" if keepalive else ""
    hub = peer("relay", "10.44.0.0/24", f"Endpoint = relay.example.com:51820\n{alive}")
    texts = {
        "relay": conf(
            "relay",
            1,
            "ListenPort = 51820\n" + FORWARDING,
            peer("a", "10.44.0.2/32, 192.168.1.0/24"),
            peer("b", "10.44.0.3/32"),
        ),
        "a": conf("a", 2, ROUTING, hub),
        "b": conf("b", 3, "", hub.replace("10.44.0.0/24", "10.44.0.0/24, 192.168.1.0/24")),
    }
    spec = a_spec(
        relay(),
        behind("a", Nat.PORT_RESTRICTED, "home", routes=(LAN,)),
        behind("b", Nat.SYMMETRIC),
        sites=(home(),),
    )
    confs = {name: parse(text, file=f"{name}/wg0.conf") for name, text in texts.items()}
    nowhere = Path("mesh.yaml")
    return LabSource(file=nowhere, build=nowhere, spec=spec, confs=confs, files={}, absent={})


def test_every_pair_and_its_path() -> None:
    found = Predictor.of(a_source()).pairs()
    assert len(found) == 6
    assert all(value.reachable for value in found.values())
    assert found[Key("a", "b", 4)].path == ("a", "relay", "b")
    assert hop_limits(found)[Key("a", "b", 4)] == 1
    assert hop_limits(found)[Key("a", "relay", 4)] == 0


def test_hosts_behind_a_router_are_asked_and_ask() -> None:
    """`a` is on that LAN itself: its packets never see the mesh."""
    source = a_source()
    hosts = lay_out(source.spec, {"relay": 51820, "a": None, "b": None}).lan_hosts
    found = Predictor.of(source).lans(hosts)
    assert {key[:2]: value.reachable for key, value in found.items()} == {
        ("b", "lan:a"): True,
        ("relay", "lan:a"): True,
        ("lan:a", "b"): True,
        ("lan:a", "relay"): True,
    }
    assert found[Key("b", "lan:a", 4)].path == ("b", "relay", "a", "lan:a")
    assert found[Key("lan:a", "b", 4)].path == ("lan:a", "a", "relay", "b")
    assert hop_limits(found)[Key("lan:a", "b", 4)] == 2


def test_hosts_on_a_lan_are_senders_by_the_files() -> None:
    """A router that does not let its LAN out: the LAN is reached, and reaches nobody first."""
    source = a_source()
    rules = tuple(line for line in source.confs["a"].post_up if "-o %i" not in line)
    answers = "iptables -w -A FORWARD -o %i -m conntrack --ctstate ESTABLISHED -j ACCEPT"
    deaf = replace(source.confs["a"], post_up=(*rules, answers))
    source = replace(source, confs={**source.confs, "a": deaf})
    hosts = lay_out(source.spec, {"relay": 51820, "a": None, "b": None}).lan_hosts
    found = Predictor.of(source).lans(hosts)
    assert found[Key("b", "lan:a", 4)].reachable
    assert not found[Key("lan:a", "b", 4)].reachable
    assert "a drops it" in found[Key("lan:a", "b", 4)].reason


def test_the_internet_is_claimed_where_the_mesh_has_a_part_in_it() -> None:
    source = a_source()
    hosts = lay_out(source.spec, {"relay": 51820, "a": None, "b": None}).lan_hosts
    found = Predictor.of(source).claimed_internet(["a", "b", "lan:a"], hosts, "8.8.8.8")
    assert found == {}, "nobody sends it into the tunnel: it leaves where it is"
    everywhere = Prefix.parse("0.0.0.0/0")
    b = source.confs["b"]
    user = replace(b, peers=(b.peers[0]._replace(allowed_ips=(everywhere,)),))
    source = replace(source, confs={**source.confs, "b": user})
    found = Predictor.of(source).claimed_internet(["a", "b", "lan:a"], hosts, "8.8.8.8")
    assert found.keys() == {Key("b", "8.8.8.8", 4)}
    assert not found[Key("b", "8.8.8.8", 4)].reachable, "the relay is no exit"


def test_without_the_relay_the_others_are_lost() -> None:
    found = Predictor.of(a_source(), without=["relay"]).pairs()
    assert set(found) == {Key("a", "b", 4), Key("b", "a", 4)}
    assert not any(value.reachable for value in found.values())


def test_a_sleeper_can_be_answered_but_not_called() -> None:
    found = Predictor.of(a_source(keepalive=False)).pairs()
    assert found[Key("b", "relay", 4)].reachable
    called = found[Key("relay", "b", 4)]
    assert not called.reachable
    assert called.asleep == "relay"


def test_a_prediction_follows_the_file() -> None:
    source = a_source()
    deaf = replace(source.confs["relay"], post_up=())
    broken = replace(source, confs={**source.confs, "relay": deaf})
    found = Predictor.of(broken).pairs()[Key("a", "b", 4)]
    assert not found.reachable
    assert "relay drops it" in found.reason


def test_an_answer_is_routed_by_the_address_that_was_asked() -> None:
    """Found by the agreement run: `ip rule from OWN` is for answers, not for first packets."""
    source = a_source()
    rule = "ip rule add from 10.44.0.3 lookup 200"
    by_source = replace(source.confs["b"], table="200", post_up=(rule,))
    source = replace(source, confs={**source.confs, "b": by_source})
    found = Predictor.of(source).pairs()
    assert found[Key("relay", "b", 4)].reachable
    assert not found[Key("b", "relay", 4)].reachable


def test_what_is_beyond_the_proof_is_not_claimed() -> None:
    """Nobody knows whether the rule means an echo: of what ends at the relay nothing is said,
    what it forwards is judged as before."""
    source = a_source()
    hub = source.confs["relay"]
    choosy = replace(hub, post_up=(*hub.post_up, "iptables -w -A INPUT -m quota -j DROP"))
    hosts = lay_out(source.spec, {"relay": 51820, "a": None, "b": None}).lan_hosts
    predictor = Predictor.of(replace(source, confs={**source.confs, "relay": choosy}))
    found = {**predictor.pairs(), **predictor.lans(hosts)}
    known = claimed(found)
    assert {key[:2] for key in found.keys() - known.keys()} == {
        ("a", "relay"),
        ("b", "relay"),
        ("relay", "a"),
        ("relay", "b"),
        ("relay", "lan:a"),
        ("lan:a", "relay"),
    }
    assert all(value.reachable for value in known.values())
    there, back = unclaimed(found)
    rule = "not judged: what `INPUT -m quota -j DROP` at relay does to it is beyond the proof"
    assert there == f"not measured: a → relay, b → relay, lan:a → relay: {rule}"
    assert back == f"not measured: relay → a, relay → b, relay → lan:a: the answer: {rule}"
    assert predictor.mute(found) >= {Key("relay", "a", 4), Key("relay", "b", 4)}


def test_an_exit_beyond_the_proof_is_not_claimed() -> None:
    source = a_source()
    everywhere = Prefix.parse("0.0.0.0/0")
    a, hub = source.confs["a"], source.confs["relay"]
    user = replace(a, peers=(a.peers[0]._replace(allowed_ips=(everywhere,)),))
    rule = "iptables -w -t mangle -A PREROUTING -m quota -j DROP"
    choosy = replace(hub, post_up=(*hub.post_up, rule))
    confs = {**source.confs, "a": user, "relay": choosy}
    found = Predictor.of(replace(source, confs=confs)).internet("a", "198.18.0.2")
    assert (found.reachable, found.judged) == (False, False)


def test_one_direction_of_every_direct_pair_begins_its_session() -> None:
    found = Predictor.of(a_source()).pairs()
    assert one_way_sessions(found) == [Key("a", "relay", 4), Key("b", "relay", 4)]


def test_a_fault_of_two_sides_is_named_in_one_order() -> None:
    source = a_source()
    a = source.confs["a"]
    keyed = a.peers[0]._replace(preshared_key=PresharedKey(bytes([7] * 32)))
    broken = replace(source, confs={**source.confs, "a": replace(a, peers=(keyed,))})
    found = Predictor.of(broken).pairs()
    reasons = {found[key].reason for key in (Key("a", "relay", 4), Key("relay", "a", 4))}
    assert reasons == {"a and relay have different pre-shared keys"}


def test_relays_that_cannot_speak_to_a_node() -> None:
    """Nobody who is reachable; and over IPv6 a node at which a route of the relay begins."""
    source = a_source()
    predictor = Predictor.of(source)
    assert predictor.mute(predictor.pairs()) == frozenset()
    six = InterfaceAddress.parse("fd44::8/128")
    node = replace(source.confs["a"], addresses=(*source.confs["a"].addresses, six))
    peers = source.confs["relay"].peers
    wide = peers[0]._replace(allowed_ips=(*peers[0].allowed_ips, Prefix.parse("fd44::8/125")))
    hub = replace(source.confs["relay"], peers=(wide, *peers[1:]))
    predictor = Predictor.of(replace(source, confs={**source.confs, "a": node, "relay": hub}))
    assert predictor.mute({}) == {Key("relay", "a", 6)}
    own = wide._replace(allowed_ips=(*wide.allowed_ips, six.host))
    mended = replace(source.confs["relay"], peers=(own, *peers[1:]))
    confs = {**source.confs, "a": node, "relay": mended}
    assert Predictor.of(replace(source, confs=confs)).mute({}) == frozenset()
    lost = {Key("b", "a", 4): Predicted(False)}
    assert Key("b", "a", 4) in predictor.mute(lost)


def test_a_relay_without_an_address_in_the_family_stays_silent_on_the_path() -> None:
    """Found by the agreement run: it forwards; nobody accepts the address it would speak from."""
    predictor = Predictor.of(a_source())
    assert predictor.mute({Key("a", "b", 6): Predicted(True)}) >= {Key("relay", "a", 6)}
    assert predictor.mute({Key("a", "b", 4): Predicted(True)}) == frozenset()


def test_what_the_topology_asks_for_is_owed_whatever_the_files_say() -> None:
    """Not what it declares apart, nor what is lost with a node that is not in the lab."""
    source = a_source()
    deaf = replace(source.confs["relay"], post_up=())
    source = replace(source, confs={**source.confs, "relay": deaf})
    predictor = Predictor.of(source)
    found = predictor.with_duties(predictor.pairs())
    lost = {key[:2] for key, value in found.items() if not value.reachable}
    assert lost == {("a", "b"), ("b", "a")}
    assert all(value.owed for value in found.values())
    tests = (TestSpec(("a",), ("b",), Expect.UNREACHABLE),)
    predictor = Predictor.of(replace(source, spec=replace(source.spec, tests=tests)))
    found = predictor.with_duties(predictor.pairs())
    assert {key[:2] for key, value in found.items() if not value.owed} == lost
    alone = {
        name: replace(conf, peers=tuple(peer._replace(name="relay") for peer in conf.peers))
        for name, conf in source.confs.items()
        if name != "relay"
    }
    predictor = Predictor.of(replace(source, confs=alone, absent={"relay": "its key is elsewhere"}))
    assert not any(v.owed for v in predictor.with_duties(predictor.pairs()).values())


def test_lans_and_exits_are_owed_as_the_topology_says() -> None:
    """A node may count on a LAN; a host there only on what a test says; a user on its exit."""
    source = a_source()
    tests = (TestSpec(("192.168.1.0/24",), ("b",), Expect.REACHABLE),)
    nodes = dict(source.spec.nodes)
    nodes["relay"] = replace(nodes["relay"], exit_node=True)
    nodes["b"] = replace(nodes["b"], exit="relay")
    source = replace(source, spec=replace(source.spec, tests=tests, nodes=nodes))
    hosts = lay_out(source.spec, {"relay": 51820, "a": None, "b": None}).lan_hosts
    predictor = Predictor.of(source)
    found = predictor.with_duties(predictor.lans(hosts), hosts)
    assert {key[:2] for key, value in found.items() if value.owed} == {
        ("b", "lan:a"),
        ("relay", "lan:a"),
        ("lan:a", "b"),
    }
    lost = predictor.internet("b", "198.18.0.2")
    assert (lost.reachable, lost.owed) == (False, True), "its file sends nothing there"
    assert not predictor.internet("a", "198.18.0.2").owed


def test_no_exit_no_internet() -> None:
    found = Predictor.of(a_source()).internet("a", "198.18.0.2")
    assert (found.reachable, found.judged) == (False, True)
    assert not Predictor.of(a_source()).internet("a", "2001:2::2").reachable


RULES = """\
meshc: 1
network: {name: n, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: hub.example-vpn.dev}
  a: {}
  b: {}
policies:
  - {from: a, to: b, allow: [tcp/443, tcp/8000-8100]}
  - {from: b, to: a, allow: icmp}
tests:
  - {from: a, to: b, port: tcp/443}
  - {from: b, to: a}
"""


def test_ports_are_foretold_one_by_one_and_answers_pass(tmp_path: Path) -> None:
    predictor = Predictor.of(prepare(write_topology(tmp_path, RULES), None, lambda _: None))
    kinds = [("tcp", 443), ("tcp", 444), ("udp", 443), ("tcp", 8100), ("tcp", 8101)]
    found = predictor.served(Key("a", "b", 4), {}, kinds)
    assert [found[kind].reachable for kind in kinds] == [True, False, False, True, False]
    assert not any(one.reachable for one in predictor.served(Key("b", "a", 4), {}, kinds).values())


def test_a_ping_is_owed_where_policies_allow_a_ping(tmp_path: Path) -> None:
    """A test of another service asks for nothing that a ping could show."""
    predictor = Predictor.of(prepare(write_topology(tmp_path, RULES), None, lambda _: None))
    found = predictor.with_duties(predictor.pairs())
    owed = {key[:2]: (value.reachable, value.owed) for key, value in found.items()}
    assert owed["a", "b"] == (False, False)
    assert owed["b", "a"] == (True, True)
