"""What the relays see of two NATs decides whether the two could be direct."""

from __future__ import annotations

import pytest

from meshc.deploy.fleet_status import FleetStatus, NodeView, PeerView
from meshc.deploy.nat_measurement import RECENT, measure_nat, measure_pair
from meshc.topology.language.spec import LinkSpec, Nat, Spec
from meshc.wg.endpoint import Endpoint
from tests.support import specs


def network(a: Nat = Nat.UNKNOWN, b: Nat = Nat.PORT_RESTRICTED, **more: object) -> Spec:
    relays = [specs.node(f"r{n}", relay=True, endpoint=f"r{n}.example", agent=True) for n in (1, 2)]
    leaves = [specs.node(name, nat=nat, agent=True) for name, nat in (("a", a), ("b", b))]
    return specs.spec([*relays, *leaves], **more)


def fleet(age: float = 5.0, direct: str = "", **ports: tuple[int, ...]) -> FleetStatus:
    """The relays r1, r2 see a node at these ports, one each."""
    relays = {
        f"r{n}": NodeView(
            f"r{n}",
            peers={
                name: PeerView("live", age, Endpoint(f"198.51.100.{ord(name)}", some[n - 1]))
                for name, some in ports.items()
                if len(some) >= n
            },
        )
        for n in (1, 2)
    }
    return FleetStatus({"a": NodeView("a", direct={"b": direct} if direct else {}), **relays})


@pytest.mark.parametrize(
    ("ports", "varies", "kind"),
    [
        ((4000, 4000), False, Nat.UNKNOWN),
        ((4000, 4001), True, Nat.SYMMETRIC),
        ((4000,), None, Nat.UNKNOWN),
        ((), None, Nat.UNKNOWN),
    ],
)
def test_a_nat_is_known_by_the_ports_that_two_relays_see(
    ports: tuple[int, ...], varies: bool | None, kind: Nat
) -> None:
    found = measure_nat(network(), fleet(a=ports), "a")
    assert (found.varies, found.kind) == (varies, kind)


def test_an_old_endpoint_says_nothing() -> None:
    assert measure_nat(network(), fleet(RECENT, a=(1, 2)), "a").seen == {}


def test_the_measurement_counts_and_not_the_file() -> None:
    symmetric = measure_pair(network(), fleet(a=(1, 2), b=(7, 7)), "a", "b")
    assert not symmetric.meets
    assert "the NAT of a gives every peer another port" in symmetric.verdict
    said = network(Nat.SYMMETRIC)
    better = measure_pair(said, fleet(a=(1, 1), b=(7, 7), direct="relayed: not yet"), "a", "b")
    assert better.meets
    assert better.verdict == "their NATs let them meet; so far relayed: not yet"
    assert not measure_pair(said, fleet(a=(1,), b=(7, 7)), "a", "b").meets


def test_what_is_direct_is_said() -> None:
    found = measure_pair(network(), fleet(a=(1, 1), b=(2, 2), direct="direct"), "a", "b")
    assert (found.meets, found.verdict) == (True, "their agents have found a direct path")
    linked = measure_pair(network(), fleet(), "a", "r1")
    assert linked.verdict == "they have a link of their own in their files"


def test_what_the_file_forbids_no_nat_allows() -> None:
    links = [LinkSpec("a", "b", direct=False)]
    found = measure_pair(network(links=links), fleet(a=(1, 1), b=(2, 2)), "a", "b")
    assert (found.meets, found.verdict) == (
        False,
        "they stay with the relays: links: forbids it",
    )


def test_it_is_told_in_words() -> None:
    both = "r1 sees 198.51.100.97:1, r2 sees 198.51.100.97:2"
    found = measure_nat(network(), fleet(a=(1, 2)), "a")
    assert found.words == f"{both}: every peer gets another port (symmetric)"
    assert measure_nat(network(), fleet(a=(1, 1)), "a").words.endswith("one port for all")
    assert "one relay alone cannot tell" in measure_nat(network(), fleet(a=(1,)), "a").words
    assert measure_nat(network(), fleet(), "a").words == "no relay sees it now"
