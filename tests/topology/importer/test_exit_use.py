"""Who uses which exit, and what is left out of that."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.prefixes import Prefix
from meshc.topology.importer.exit_use import NO_EXIT, ExitUse, exit_use, exit_users
from meshc.topology.importer.sightings import gather
from meshc.wg.conf import Conf, parse
from tests.support.wire import private_key

HUB, PC = (private_key(name).public_key() for name in ("hub", "pc"))
NAMES = {HUB: "hub", PC: "pc"}


def pc(allowed: str) -> Conf:
    return parse(
        f"[Interface]\nPrivateKey = {private_key('pc').reveal()}\nAddress = 10.44.0.2/32\n"
        f"[Peer]\nPublicKey = {HUB}\nAllowedIPs = {allowed}\nEndpoint = 198.51.100.7:51820\n"
    )


def used(allowed: str) -> ExitUse:
    seen = gather([pc(allowed)], Diagnostics())
    return exit_use(PC, exit_users(seen), seen, NAMES, [Prefix.parse("10.44.0.0/24")])


def test_a_default_route_is_an_exit_in_one_piece_or_in_two() -> None:
    assert used("0.0.0.0/0") == used("0.0.0.0/1, 128.0.0.0/1") == ExitUse("hub")
    assert used("10.44.0.0/24, 192.168.0.0/16") == NO_EXIT


def test_all_the_rest_is_an_exit_that_something_is_left_out_of() -> None:
    assert used("128.0.0.0/1, 64.0.0.0/2, 32.0.0.0/3") == ExitUse("hub", ("0.0.0.0/3",), True)


def test_who_hides_its_clients_from_the_internet_is_their_exit() -> None:
    """Their files are not there: what they leave out is not known."""
    server = parse(
        f"[Interface]\nPrivateKey = {private_key('hub').reveal()}\nAddress = 10.44.0.1/24\n"
        "PostUp = iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE\n"
        f"[Peer]\nPublicKey = {PC}\nAllowedIPs = 10.44.0.2/32\n"
    )
    seen = gather([server], Diagnostics())
    assert exit_use(PC, exit_users(seen), seen, NAMES, []) == ExitUse("hub")
