"""Existing files become the topology that explains them, and their faults are named."""

from __future__ import annotations

from dataclasses import replace

from meshc.diagnostics import Diagnostics
from meshc.keys import PrivateKey
from meshc.topology.importer import document, infer
from meshc.wg.conf import Conf, parse
from tests.support.wire import private_key

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
    assert list(map(str, nodes["hub"].endpoints.public)) == ["hub.example-vpn.dev:51820"]
    assert nodes["hub"].exit_node
    assert nodes["phone"].exit_use.name == "hub"
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


def test_hooks_that_meshc_does_not_replace_stay() -> None:
    imported = infer(network(), Diagnostics())
    assert imported
    assert 'post_up:\n      - "logger up"' in document(imported, name="x")


def test_a_hostile_comment_cannot_leave_its_scalar() -> None:
    text = f"[Interface]\nPrivateKey = {KEYS['hub'].reveal()}\nAddress = 10.0.0.1/24\n"
    text += 'PostUp = echo "x": {y} # z\n'
    imported = infer([parse(text, file='a"\nb/wg0.conf')], Diagnostics())
    assert imported
    assert 'post_up:\n      - "echo \\"x\\": {y}"' in document(imported, name='n"\n- x')


def test_a_key_that_a_hook_fetches_is_known_from_the_peers() -> None:
    hooked = "PostUp = wg set %i private-key /etc/wireguard/phone.key\n"
    text = f"[Interface]\nAddress = 10.0.44.4/32\n{hooked}"
    phone = parse(
        text + section("hub", "0.0.0.0/0", "hub.example-vpn.dev:51820"), file="p/wg0.conf"
    )
    found = Diagnostics()
    imported = infer([*network()[:3], phone], found)
    assert imported
    assert "E900" not in {one.code for one in found}
    written = document(imported, name="x")
    assert 'private_key_file: "/etc/wireguard/phone.key"' in written
    assert f'public_key: "{KEYS["phone"].public_key()}"' in written
    assert imported.nodes["phone"].conf is phone


def test_a_file_of_nobody_is_left_out_and_the_rest_imported() -> None:
    lost = parse("[Interface]\nAddress = 10.9.9.9/32\n", file="x.conf")
    found = Diagnostics()
    imported = infer([*network(), lost], found)
    assert imported
    assert list(imported.nodes) == ["hub", "nas", "phone", "server"]
    assert "E900" in {one.code for one in found}


def test_one_node_s_dns_is_not_everybody_s_and_domains_stay() -> None:
    confs = network()
    confs[3] = replace(confs[3], dns=("10.0.44.1",), search=("corp.mesh.dev", "lan"))
    imported = infer(confs, Diagnostics())
    assert imported
    text = document(imported, name="x")
    assert text.count("dns:") == 1
    assert "dns: [10.0.44.1, corp.mesh.dev, lan]" in text


def test_two_halves_are_an_exit() -> None:
    confs = network()
    halves = section("hub", "0.0.0.0/1, 128.0.0.0/1, ::/1, 8000::/1", "hub.example-vpn.dev:51820")
    confs[3] = conf("phone", "10.0.44.4/32", halves)
    imported = infer(confs, Diagnostics())
    assert imported
    assert imported.nodes["phone"].exit_use.name == "hub"
    assert [str(p) for p in imported.pools] == ["10.0.44.0/24"]
    assert imported.nodes["hub"].routes == ()


def test_the_server_alone_is_called_where_nobody_said_and_told_so() -> None:
    masquerade = "ListenPort = 51820\nPostUp = iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE"
    server = conf(
        "hub",
        "10.0.44.1/24",
        section("nas", "10.0.44.3/32"),
        section("phone", "10.0.44.4/32"),
        extra=masquerade,
    )
    found = Diagnostics()
    imported = infer([server], found)
    assert imported
    assert [one.code for one in found] == ["W907"]
    assert {n.exit_use.name for n in imported.nodes.values()} == {None, "hub"}
    assert imported.nodes["hub"].exit_node
    assert imported.nodes["hub"].relay


def test_a_lan_behind_an_exit_is_not_its_user_s_as_well() -> None:
    """The user sends everything to the exit, and names none of what lies there."""
    lan = "192.168.7.0/24"
    forward = f"PostUp = iptables -w -A MESHC-FWD-%i -i %i -d {lan} -j ACCEPT\n"

    def conf(name: str, extra: str, *peers: tuple[str, str]) -> Conf:
        lines = f"[Interface]\nPrivateKey = {private_key(name).reveal()}\n{extra}"
        for peer, allowed in peers:
            lines += f"[Peer]\n# Name = {peer}\nPublicKey = {private_key(peer).public_key()}\n"
            lines += f"AllowedIPs = {allowed}\n"
        return parse(lines, file=f"{name}/wg0.conf")

    imported = infer(
        [
            conf("pc", "Address = 10.44.0.3/32\n", ("relay", f"10.44.0.0/24, {lan}")),
            conf(
                "relay",
                "Address = 10.44.0.1/32\n",
                ("exit", "10.44.0.2/32, 0.0.0.0/0"),
                ("pc", "10.44.0.3/32"),
            ),
            conf("exit", f"Address = 10.44.0.2/32\n{forward}", ("relay", "10.44.0.0/24")),
        ],
        Diagnostics(),
    )
    assert imported
    assert {name: list(map(str, node.routes)) for name, node in imported.nodes.items()} == {
        "exit": [lan],
        "pc": [],
        "relay": [],
    }
