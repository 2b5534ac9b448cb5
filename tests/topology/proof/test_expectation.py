"""What the proof takes from the topology file."""

from __future__ import annotations

from meshc.prefixes import Prefix
from meshc.topology.language.spec import Nat, SiteSpec
from meshc.topology.proof.expectation import NodeFacts, expectation, literal_family
from meshc.wg.endpoint import Endpoint
from tests.support import specs
from tests.support.specs import node


def test_facts_of_a_spec() -> None:
    lan = Prefix.parse("192.168.1.0/24")
    made = expectation(
        specs.spec(
            [
                node("hub", relay=True, endpoint="hub.example.org"),
                node("home", site="house", routes="192.168.2.0/24", lan="192.168.1.2"),
            ],
            sites=[SiteSpec("house", Nat.PORT_RESTRICTED, (lan,))],
        ),
        public_keys={"hub": specs.key("hub")},
        addresses={"home": (Prefix.parse("10.44.0.9"),)},
    )
    hub, home = made.nodes["hub"], made.nodes["home"]
    assert list(made.nodes) == ["home", "hub"]
    assert hub.endpoints == (Endpoint("hub.example.org", 51820),)
    assert hub.relay
    assert hub.public_key == specs.key("hub")
    assert home.lans == (lan, Prefix.parse("192.168.2.0/24"))
    assert home.routes == (Prefix.parse("192.168.2.0/24"),)
    assert home.lan_endpoint == Endpoint("192.168.1.2", 0)
    assert home.addresses == (Prefix.parse("10.44.0.9"),)
    assert made.pools == (Prefix.parse("10.44.0.0/24"),)


def test_open_and_fixed() -> None:
    end = (Endpoint("192.0.2.1", 1),)
    assert NodeFacts(name="n", endpoints=end, nat=Nat.FULL_CONE).open
    assert not NodeFacts(name="n", nat=Nat.NONE).open
    assert NodeFacts(name="n", endpoints=end, nat=Nat.RESTRICTED).fixed
    assert not NodeFacts(name="n", endpoints=end, nat=Nat.SYMMETRIC).fixed


def test_families_of_hosts() -> None:
    assert literal_family("192.0.2.1") == 4
    assert literal_family("2001:db8::1") == 6
    assert literal_family("example.org") is None
