"""One place of the lab while it is being laid out."""

from __future__ import annotations

from meshc.lab.world.place_draft import PlaceDraft
from meshc.lab.world.places import PlaceKind


def test_an_address_is_given_once_and_a_route_too() -> None:
    place = PlaceDraft("a", PlaceKind.NODE, "node a")
    for _ in range(2):
        place.address("eth0", "192.0.2.1", 32)
        place.route("0.0.0.0/0", "eth0", "192.0.2.9")
    done = place.done()
    assert [str(address) for _, address in done.addresses] == ["192.0.2.1/32"]
    assert len(done.routes) == 1


def test_only_who_forwards_forwards() -> None:
    place = PlaceDraft("a", PlaceKind.NODE, "node a")
    before = dict(place.done().sysctls)["net/ipv4/ip_forward"]
    place.forwards = True
    assert (before, dict(place.done().sysctls)["net/ipv4/ip_forward"]) == ("0", "1")
