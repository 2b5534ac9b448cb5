"""systemd-networkd: a .netdev with the keys, a .network with addresses and routes, and, where
wg-quick would run commands, a script of these with its unit.

networkd makes no routes from AllowedIPs unless told, so each is a [Route] of its own
(systemd.network(5)); it has no hooks, so a link that needs some stays down (`ActivationPolicy`)
until the unit has run them: when one fails, nothing is carried, as with wg-quick(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from meshc.prefixes import Prefix
from meshc.render.escape import ini
from meshc.render.name_servers import is_address
from meshc.render.outputs.hook_script import hook_script
from meshc.render.outputs.tunnel import MAIN, OutputFile, OutputRefusedError, Tunnel
from meshc.secret import SecretText

_PLACE = "/etc/systemd/network"
_FAMILIES = {4: "ipv4", 6: "ipv6"}
# in front of the rule for the main table (32766), in the order in which wg-quick(8) makes them
_FIRST, _SECOND = 32764, 32765
_UNIT = """\
[Unit]
Description=Rules of the WireGuard interface {interface}
BindsTo=sys-subsystem-net-devices-{device}.device
After=sys-subsystem-net-devices-{device}.device systemd-networkd.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/bash {place}/{interface}-hooks.sh up
ExecStop=/bin/bash {place}/{interface}-hooks.sh down

[Install]
WantedBy=sys-subsystem-net-devices-{device}.device
"""


def networkd(tunnel: Tunnel) -> Iterator[OutputFile]:
    """Raises: OutputRefusedError for a key that a command prints."""
    name = tunnel.interface
    if tunnel.node.spec.private_key_command is not None:
        raise OutputRefusedError(
            "systemd-networkd reads a private key from a file only",
            "let a command write that file at boot, and give it as `private_key_file`",
        )
    script = hook_script(tunnel)
    yield OutputFile(
        f"{name}.netdev",
        SecretText(_netdev(tunnel)),
        f"install -m 0640 -g systemd-network {name}.netdev {_PLACE}/; after a change of peers: "
        f"wg syncconf {name} <(wg-quick strip ./{name}.conf), since `networkctl reload` drops them",
        secret=True,
    )
    yield OutputFile(
        f"{name}.network",
        SecretText(_network(tunnel, held=bool(script))),
        f"install -m 0644 {name}.network {_PLACE}/; networkctl reload",
        secret=False,
    )
    if script:
        yield OutputFile(
            f"{name}-hooks.sh",
            SecretText(script),
            f"install -m 0755 {name}-hooks.sh {_PLACE}/; the unit beside it runs it",
            secret=False,
        )
        unit = _UNIT.format(interface=name, device=_escaped(name), place=_PLACE)
        yield OutputFile(
            f"{name}-hooks.service",
            SecretText(unit),
            f"install -m 0644 {name}-hooks.service /etc/systemd/system/; "
            f"systemctl enable {name}-hooks.service",
            secret=False,
        )


def _escaped(name: str) -> str:
    """As it stands in the name of a unit (systemd.unit(5))."""
    kept = "".join(c if c.isalnum() or c in ":_." else f"\\x{ord(c):02x}" for c in name[1:])
    first = name[0] if name[0].isalnum() or name[0] == "_" else f"\\x{ord(name[0]):02x}"
    return first + kept


def _netdev(tunnel: Tunnel) -> str:
    node = tunnel.node
    key = tunnel.private_key
    file = node.spec.private_key_file or f"{_PLACE}/{tunnel.interface}.key"
    lines = [
        "[NetDev]",
        f"Name={tunnel.interface}",
        "Kind=wireguard",
        f"MTUBytes={node.mtu}",
        "",
        "[WireGuard]",
        f"PrivateKey={key.reveal()}" if key is not None else f"PrivateKeyFile={ini(file)}",
    ]
    if node.listen_port is not None:
        lines.append(f"ListenPort={node.listen_port}")
    if tunnel.mark:
        lines.append(f"FirewallMark={tunnel.mark}")
    for peer in tunnel.peers:
        lines += ["", "[WireGuardPeer]", f"# {peer.name}", f"PublicKey={peer.public_key}"]
        if peer.preshared_key is not None:
            lines.append(f"PresharedKey={peer.preshared_key.reveal()}")
        if peer.allowed_ips:
            lines.append(f"AllowedIPs={','.join(map(str, peer.allowed_ips))}")
        if peer.endpoint is not None:
            lines.append(f"Endpoint={peer.endpoint}")
        if peer.keepalive:
            lines.append(f"PersistentKeepalive={peer.keepalive}")
    return "\n".join(lines) + "\n"


def _network(tunnel: Tunnel, *, held: bool) -> str:
    lines = ["[Match]", f"Name={tunnel.interface}", "", "[Link]", "RequiredForOnline=no"]
    if held:
        lines.append("ActivationPolicy=manual")
    lines += ["", "[Network]", "LinkLocalAddressing=no", "IPv6AcceptRA=no"]
    lines += [f"Address={address}" for address in tunnel.node.addresses]
    servers = [word for word in tunnel.servers if is_address(word)]
    lines += [f"DNS={server}" for server in servers]
    # wg-quick(8) hands all names to the servers of the tunnel; so does the domain `~.`
    domains = [word for word in tunnel.servers if not is_address(word)] + ["~."] * bool(servers)
    if domains:
        lines.append(f"Domains={' '.join(domains)}")
    for prefix in dict.fromkeys(p for peer in tunnel.peers for p in peer.allowed_ips):
        lines += _route(prefix, tunnel.table_of(prefix))
    for family in tunnel.own_table:
        lines += ["", "[RoutingPolicyRule]", f"Family={_FAMILIES[family]}"]
        lines += [f"Table={MAIN}", "SuppressPrefixLength=0", f"Priority={_FIRST}"]
        lines += ["", "[RoutingPolicyRule]", f"Family={_FAMILIES[family]}", "InvertRule=yes"]
        lines += [f"FirewallMark={tunnel.mark}", f"Table={tunnel.mark}", f"Priority={_SECOND}"]
    return "\n".join(lines) + "\n"


def _route(prefix: Prefix, table: int | None) -> list[str]:
    if table is None:
        return []
    lines = ["", "[Route]", f"Destination={prefix}"]
    return lines if table == MAIN else [*lines, f"Table={table}"]
