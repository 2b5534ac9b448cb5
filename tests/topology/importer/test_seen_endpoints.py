"""Endpoints of imported nodes: what was learned is not what was written."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.topology.importer.seen_endpoints import SeenEndpoints, is_private, seen_endpoints
from meshc.topology.importer.sightings import gather, pairs
from meshc.wg.conf import Conf, parse
from meshc.wg.endpoint import Endpoint
from tests.support.wire import private_key


def conf(name: str, extra: str, *peers: tuple[str, str]) -> Conf:
    text = f"[Interface]\nPrivateKey = {private_key(name).reveal()}\n{extra}\n"
    for peer, rest in peers:
        text += f"[Peer]\nPublicKey = {private_key(peer).public_key()}\n{rest}\n"
    return parse(text, file=f"{name}.conf")


def found(*confs: Conf) -> dict[str, SeenEndpoints]:
    seen = gather(confs, Diagnostics())
    names = {private_key(name).public_key(): name for name in ("hub", "a", "b")}
    return {names[key]: ends for key, ends in seen_endpoints(seen, list(pairs(seen))).items()}


HUB = "Endpoint = vpn.corp-vpn.dev:51822"


def test_a_mapping_that_was_learned_is_no_endpoint() -> None:
    ends = found(
        conf("hub", "ListenPort = 51822\nSaveConfig = true", ("a", "Endpoint = 198.18.4.77:38211")),
        conf("a", "", ("hub", HUB)),
    )
    assert ends["a"] == SeenEndpoints()
    assert ends["hub"].public == (Endpoint("vpn.corp-vpn.dev", 51822),)


def test_where_its_own_file_listens_it_counts_all_the_same() -> None:
    saved = ("a", "Endpoint = 198.18.4.77:4500")
    ends = found(
        conf("hub", "ListenPort = 51822\nSaveConfig = true", saved),
        conf("a", "ListenPort = 4500", ("hub", HUB)),
    )
    assert ends["a"].public == (Endpoint("198.18.4.77", 4500),)


def test_a_private_endpoint_that_some_use_is_a_lan_that_they_share() -> None:
    ends = found(
        conf("hub", "ListenPort = 51822", ("a", ""), ("b", "")),
        conf("a", "ListenPort = 51820", ("hub", HUB), ("b", "")),
        conf("b", "", ("hub", HUB), ("a", "Endpoint = 192.168.1.2:51820")),
    )
    assert ends["a"].lan == Endpoint("192.168.1.2", 51820)
    assert ends["a"].public == ()
    assert (ends["a"].site, ends["b"].site, ends["hub"].site) == (1, 1, None)


def test_private_addresses() -> None:
    assert is_private(Endpoint("fe80::1", 1))
    assert not is_private(Endpoint("198.51.100.1", 1))
    assert not is_private(Endpoint("router.lan", 1))


FOUR, SIX = "Endpoint = 198.51.100.7:51820", "Endpoint = [2001:db8::7]:51820"
OTHER = "Endpoint = [2001:db8::9]:51820"


def test_of_two_endpoints_the_one_comes_first_that_was_chosen_and_not_had_to_be() -> None:
    """`a` calls `b` in the other family, so that it could have called the hub there; most could
    not."""
    ends = found(
        conf("hub", "ListenPort = 51820", ("a", ""), ("b", OTHER)),
        conf("a", "", ("hub", FOUR), ("b", OTHER)),
        conf("b", "ListenPort = 51820", ("hub", SIX), ("a", "")),
    )
    assert [end.family for end in ends["hub"].public] == [4, 6]
    assert (ends["a"].underlay, ends["b"].underlay) == (None, 6)


def test_a_filter_is_known_also_where_one_side_keeps_nothing_alive_anywhere() -> None:
    """Both must call, and one of the two says `keepalive: off`."""
    hub = conf("hub", "ListenPort = 51822", ("a", ""), ("b", ""))
    awake = "PersistentKeepalive = 25"
    for kept, fixed in ((("", awake), True), ((awake, awake), True), (("", ""), False)):
        ends = found(
            hub,
            conf(
                "a",
                "ListenPort = 51820",
                ("hub", f"{HUB}\n{kept[0]}"),
                ("b", f"{OTHER}\n{kept[0]}"),
            ),
            conf(
                "b", "ListenPort = 51820", ("hub", f"{HUB}\n{kept[1]}"), ("a", f"{FOUR}\n{kept[1]}")
            ),
        )
        assert (ends["a"].fixed, ends["b"].fixed) == (fixed, fixed), kept


def test_who_is_called_by_a_relay_that_anybody_can_call_is_behind_no_filter() -> None:
    """`b` keeps the session alive by its own wish; the relay, which `a` calls as well, has nothing
    to keep alive anywhere, and that makes it no `keepalive: off`."""
    awake, near = "PersistentKeepalive = 15", "Endpoint = 192.168.0.10:51820"
    ends = found(
        conf("hub", "ListenPort = 51822", ("a", ""), ("b", OTHER)),
        conf("a", "", ("hub", HUB), ("b", near)),
        conf("b", "ListenPort = 51820", ("hub", f"{HUB}\n{awake}"), ("a", "")),
    )
    assert (ends["b"].fixed, ends["hub"].fixed) == (False, False)
