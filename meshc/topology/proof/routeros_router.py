"""A MikroTik router, from the commands of its script."""

from __future__ import annotations

from meshc.errors import ConfError, PrefixFormatError
from meshc.keys import PresharedKey, PrivateKey, PublicKey
from meshc.prefixes import InterfaceAddress, Prefix
from meshc.topology.proof.iptables_rule import TUNNEL, Rule
from meshc.topology.proof.netfilter import Firewall
from meshc.topology.proof.router_script import RouterScript, parsed
from meshc.topology.proof.routeros_commands import RouterCommand, read_commands
from meshc.topology.proof.routeros_routes import tunnel_routes
from meshc.wg.conf import Conf, PeerConf
from meshc.wg.endpoint import Endpoint

_WIREGUARD = "/interface/wireguard"
_PEERS = f"{_WIREGUARD}/peers"
_FAMILY = {"/ip": 4, "/ipv6": 6}
_CHAINS = {"forward": "FORWARD", "srcnat": "POSTROUTING", "input": "INPUT"}
_TARGETS = {"masquerade": "MASQUERADE", "src-nat": "SNAT"}
# What may stand in a rule without making it depend on more than the proof knows.
_MODELLED = frozenset(
    (
        *("chain", "action", "jump-target", "comment", "log", "disabled", "connection-state"),
        *("in-interface", "in-interface-list", "out-interface", "out-interface-list"),
        *("src-address", "dst-address"),
    )
)


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
        _firewall(commands, interface),
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
            for menu in _FAMILY
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


def _firewall(commands: tuple[RouterCommand, ...], interface: str) -> Firewall:
    """A router forwards by nature, in both families."""
    firewall = Firewall(interface, {4, 6})
    tables: dict[tuple[int, str], list[RouterCommand]] = {}
    for command in commands:
        family, table = _table(command.menu)
        if family and command.takes_effect:
            tables.setdefault((family, table), []).append(command)
        elif command.verb == "move" and command.arguments.get("destination") == "0":
            mark = command.query.get("comment")
            # a stable sort: those that are moved keep their order, and so do the others
            tables.get((family, table), []).sort(key=lambda c: c.arguments.get("comment") != mark)
    for (family, table), added in tables.items():
        for command in added:
            name = command.arguments.get("chain", "")
            chain = (family, table, _CHAINS.get(name, name))
            firewall.chains.setdefault(chain, []).append(_rule(command, interface))
    return firewall


def _table(menu: str) -> tuple[int, str]:
    root, _, rest = menu.removeprefix("/").partition("/firewall/")
    return _FAMILY.get(f"/{root}", 0), rest


def _rule(command: RouterCommand, interface: str) -> Rule:
    given = command.arguments
    action = given.get("action", "accept")
    target = given.get("jump-target", "") if action == "jump" else action.upper()
    negated = {
        flag
        for flag, names in (
            ("-i", ("in-interface", "in-interface-list")),
            ("-o", ("out-interface", "out-interface-list")),
            ("-s", ("src-address",)),
            ("-d", ("dst-address",)),
        )
        if any(given.get(name, "").startswith("!") for name in names)
    }
    source, known_source = _prefix(given.get("src-address"))
    destination, known_destination = _prefix(given.get("dst-address"))
    states = given.get("connection-state")
    return Rule(
        _TARGETS.get(action, target),
        " ".join(f"{key}={value}" for key, value in given.items() if key != "comment"),
        _way(given.get("in-interface"), given.get("in-interface-list"), interface),
        _way(given.get("out-interface"), given.get("out-interface-list"), interface),
        source,
        destination,
        frozenset(states.upper().split(",")) if states else None,
        frozenset(negated),
        modelled=_MODELLED.issuperset(given)
        and known_source
        and known_destination
        and not (states or "").startswith("!"),
    )


def _way(name: str | None, list_name: str | None, interface: str) -> str:
    if name is not None:
        name = name.removeprefix("!")
        return TUNNEL if name == interface else name
    return "" if list_name is None else f"list {list_name.removeprefix('!')}"


def _prefix(text: str | None) -> tuple[Prefix | None, bool]:
    if text is None:
        return None, True
    try:
        return Prefix.parse(text.removeprefix("!")), True
    except PrefixFormatError:
        return None, False
