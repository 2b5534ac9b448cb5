"""Names for keys: what the files call a node, else what can be told apart."""

from __future__ import annotations

import pytest

from meshc.keys import fingerprint
from meshc.topology.importer.node_names import node_names
from meshc.wg.conf import Conf, PeerConf, parse
from tests.support.wire import private_key

KEY = private_key("a").public_key()
OTHER = private_key("b").public_key()


def conf(name: str = "", file: str = "wg0.conf") -> Conf:
    remark = f"# Name = {name}\n" if name else ""
    text = f"[Interface]\n{remark}PrivateKey = {private_key('a').reveal()}\n"
    return parse(text, file=file)


def peer(name: str = "", endpoint: str = "") -> tuple[Conf, PeerConf]:
    text = "[Peer]\n" + (f"# Name = {name}\n" if name else "") + f"PublicKey = {KEY}\n"
    text += f"Endpoint = {endpoint}\n" if endpoint else ""
    whole = parse("[Interface]\n" + text)
    return whole, whole.peers[0]


@pytest.mark.parametrize(
    ("own", "others", "name"),
    [
        (conf("paris.example-vpn.dev"), [peer("lyon")], "paris"),
        (conf(), [peer("lyon"), peer("nice"), peer("nice")], "nice"),
        (conf(file="site/rome.conf"), [peer(endpoint="x.example:1")], "rome"),
        (conf(file="rome/wg0.conf"), [], "rome"),
        (conf(), [peer(endpoint="vpn.example:1")], "vpn"),
        (conf(), [peer(endpoint="192.0.2.1:1")], f"node-{fingerprint(KEY)[:6]}"),
        (None, [], f"node-{fingerprint(KEY)[:6]}"),
        (conf("a b/c"), [], "a-b-c"),
    ],
)
def test_the_best_wish_wins(
    own: Conf | None, others: list[tuple[Conf, PeerConf]], name: str
) -> None:
    assert node_names({KEY: (own, others)}) == {KEY: name}


def test_two_of_one_name_are_told_apart_by_their_keys() -> None:
    names = node_names({KEY: (conf("paris"), []), OTHER: (conf("paris"), [])})
    assert names == {key: f"paris-{fingerprint(key)[:4]}" for key in (KEY, OTHER)}
