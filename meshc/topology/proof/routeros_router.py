"""A MikroTik router, from the commands of its script."""

from __future__ import annotations

from meshc.errors import ConfError
from meshc.keys import PresharedKey, PrivateKey, PublicKey
from meshc.prefixes import InterfaceAddress, Prefix
from meshc.topology.proof.router_script import RouterScript, parsed
from meshc.topology.proof.routeros_commands import RouterCommand, read_commands
from meshc.topology.proof.routeros_firewall import read_firewall
from meshc.topology.proof.routeros_routes import tunnel_routes
from meshc.wg.conf import Conf, PeerConf
from meshc.wg.endpoint import Endpoint

_WIREGUARD = "/interface/wireguard"
_PEERS = f"{_WIREGUARD}/peers"
_MENUS = ("/ip", "/ipv6")


def read(text: str, file: str) -> RouterScript:
    """Raises: ConfError for a value that no router would take, or without an interface."""
    commands = tuple(read_commands(text))
    settings = next((c for c in commands if (c.menu, c.verb) == (_WIREGUARD, "set")), None)
    if settings is None:
        raise ConfError("this script makes no WireGuard interface", file=file, line=1)
    interface = settings.query.get("name", "")
    added = [c for c in commands if c.takes_effect]
    peers = tuple(_peer(c, file) for c in added if _of(c, _PEERS, "interface", interface))
    return RouterScript(
        _conf(settings, added, peers, file),
        read_firewall(commands, interface),
        tuple(tunnel_routes(added, interface, settings.arguments.get("listen-port"), file)),
    )


def _of(command: RouterCommand, menu: str, argument: str, interface: str) -> bool:
    return command.menu == menu and command.arguments.get(argument) == interface


def _conf(
    settings: RouterCommand, added: list[RouterCommand], peers: tuple[PeerConf, ...], file: str
) -> Conf:
    line, given = settings.line, settings.arguments
    interface = settings.query.get("name", "")
    key, port, mtu = (given.get(name) for name in ("private-key", "listen-port", "mtu"))
    return Conf(
        file=file,
        private_key=parsed(PrivateKey.parse, key, "private key", file, line) if key else None,
        addresses=tuple(
            parsed(InterfaceAddress.parse, c.arguments.get("address", ""), "address", file, c.line)
            for menu in _MENUS
            for c in added
            if _of(c, f"{menu}/address", "interface", interface)
        ),
        listen_port=parsed(int, port, "port", file, line) if port else None,
        mtu=parsed(int, mtu, "MTU", file, line) if mtu else None,
        table="off",
        peers=peers,
    )


def _peer(command: RouterCommand, file: str) -> PeerConf:
    line, given = command.line, command.arguments
    psk, host = given.get("preshared-key"), given.get("endpoint-address")
    allowed = [word for word in given.get("allowed-address", "").split(",") if word]
    keepalive = given.get("persistent-keepalive", "").removesuffix("s")
    return PeerConf(
        parsed(PublicKey.parse, given.get("public-key", ""), "public key", file, line),
        parsed(PresharedKey.parse, psk, "pre-shared key", file, line) if psk else None,
        tuple(parsed(Prefix.parse, word, "prefix", file, line) for word in allowed),
        Endpoint(host, parsed(int, given.get("endpoint-port", ""), "port", file, line))
        if host
        else None,
        parsed(int, keepalive, "keepalive", file, line) if keepalive else None,
        given.get("comment", ""),
        line,
    )
