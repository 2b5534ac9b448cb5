"""Existing files become the topology that explains them, and their faults are named."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.keys import PrivateKey
from meshc.topology.importer import document, infer
from meshc.wg.conf import Conf, parse

KEYS = {name: PrivateKey.generate() for name in ("hub", "server", "nas", "phone")}


def section(name: str, allowed: str, endpoint: str = "") -> str:
    lines = ["[Peer]", f"# Name = {name}.example-vpn.dev", f"PublicKey = {KEYS[name].public_key()}"]
    lines += [f"AllowedIPs = {allowed}", f"Endpoint = {endpoint}" if endpoint else ""]
    return "\n".join(lines) + "\n"


def conf(name: str, address: str, *peers: str, extra: str = "") -> Conf:
    text = f"[Interface]\nPrivateKey = {KEYS[name].reveal()}\nAddress = {address}\n{extra}\n"
    return parse(text + "\n".join(peers), file=f"{name}/wg0.conf")


def network() -> list[Conf]:
    """A hub with a server, a NAS that routes its LAN, and a phone that browses through the hub."""
    hub = "hub.example-vpn.dev:51820"
    return [
        conf(
            "hub",
            "10.0.44.1/24",
            section("server", "10.0.44.2/32", "server.example-vpn.dev:51820"),
            section("nas", "10.0.44.3/32, 192.168.1.0/24"),
            section("phone", "10.0.44.4/32"),
            extra="ListenPort = 51820\nPostUp = logger up",
        ),
        conf("server", "10.0.44.2/32", section("hub", "10.0.44.0/24", hub)),
        conf("nas", "10.0.44.3/32", section("hub", "10.0.44.1/24", hub)),
        conf("phone", "10.0.44.4/32", section("hub", "0.0.0.0/0, ::/0", hub)),
    ]


def test_roles_routes_and_exits_are_inferred() -> None:
    imported = infer(network(), Diagnostics())
    assert imported
    nodes = imported.nodes
    assert list(nodes) == ["hub", "nas", "phone", "server"]
    assert [n.relay for n in nodes.values()] == [True, False, False, False]
    assert str(nodes["hub"].endpoint) == "hub.example-vpn.dev:51820"
    assert nodes["hub"].exit_node
    assert nodes["phone"].exit == "hub"
    assert [str(p) for p in nodes["nas"].routes] == ["192.168.1.0/24"]
    assert nodes["hub"].routes == ()
    assert [str(p) for p in imported.pools] == ["10.0.44.0/24"]


def test_host_bits_are_reported_at_their_peer() -> None:
    found = Diagnostics()
    infer(network(), found)
    assert [(d.code, str(d.location)) for d in found] == [("W902", "nas/wg0.conf:5:1")]


def test_a_peer_without_a_file_becomes_unmanaged() -> None:
    imported = infer(network()[:1], Diagnostics())
    assert imported
    text = document(imported, name="home")
    assert text.count("managed: false") == 3
    assert KEYS["nas"].public_key() in text


def test_one_sided_peers_are_named() -> None:
    found = Diagnostics()
    confs = network()
    infer([*confs[:1], conf("phone", "10.0.44.4/32")], found)
    assert "hub lists phone as a peer, but not the other way round" in [d.message for d in found]


def test_a_prefix_of_two_peers_is_named() -> None:
    found = Diagnostics()
    hub = conf("hub", "10.0.44.1/24", section("nas", "10.0.44.3/32"), section("phone", "10.0.44.3"))
    infer([hub], found)
    assert [d.message for d in found] == ["10.0.44.3/32 is given to nas and to phone"]


def test_two_files_with_one_key_are_refused() -> None:
    found = Diagnostics()
    assert infer([network()[0], network()[0]], found) is None
    assert [d.code for d in found] == ["E901"]


def test_no_private_key_reaches_the_document_or_the_findings() -> None:
    found = Diagnostics()
    imported = infer(network(), found)
    assert imported
    everything = document(imported, name="x") + repr(imported) + "".join(map(repr, found))
    assert not any(key.reveal() in everything for key in KEYS.values())


def test_hooks_are_kept_as_comments() -> None:
    imported = infer(network(), Diagnostics())
    assert imported
    assert '# post_up: "logger up"' in document(imported, name="x")


def test_a_hostile_comment_cannot_leave_its_scalar() -> None:
    text = f"[Interface]\nPrivateKey = {KEYS['hub'].reveal()}\nAddress = 10.0.0.1/24\n"
    text += 'PostUp = echo "x": {y} # z\n'
    imported = infer([parse(text, file='a"\nb/wg0.conf')], Diagnostics())
    assert imported
    assert '# post_up: "echo \\"x\\": {y}"' in document(imported, name='n"\n- x')
