"""NetworkManager: a keyfile (nm-settings-keyfile(5)) that only root may read.

It runs no commands, so that a node with hooks is refused. Its own default route is kept past
WireGuard's packets as by wg-quick(8): a table and a mark of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator

from meshc.render.name_servers import is_address
from meshc.render.outputs.tunnel import MAIN, OutputFile, OutputRefusedError, Tunnel
from meshc.secret import SecretText
from meshc.topology.language.spec import NodeSpec

_PLACE = "/etc/NetworkManager/system-connections"
# nm-settings(5): the secret is asked for, and kept by nobody else than the agent of the user
_NOT_SAVED = 2


def network_manager(tunnel: Tunnel) -> Iterator[OutputFile]:
    """Raises: OutputRefusedError where commands would have to run."""
    why = _needs_hooks(tunnel)
    if why:
        raise OutputRefusedError(
            f"NetworkManager runs no commands with a connection, and {why}",
            "use networkd, or leave `networkmanager` out of its `outputs`",
        )
    name = f"{tunnel.interface}.nmconnection"
    yield OutputFile(
        name,
        SecretText(_keyfile(tunnel)),
        f"install -m 0600 {name} {_PLACE}/; nmcli connection reload; "
        f"nmcli connection up {tunnel.interface}",
        secret=True,
    )


def _needs_hooks(tunnel: Tunnel) -> str:
    """For what; empty: for nothing."""
    spec: NodeSpec = tunnel.node.spec
    reasons = (
        (spec.is_relay, "a relay needs rules of its firewall"),
        (spec.exit_node, "an exit needs rules of its firewall"),
        (bool(spec.routes), "the router of a LAN needs rules of its firewall"),
        (spec.private_key_file is not None, "`private_key_file` is read by one"),
        (spec.private_key_command is not None, "`private_key_command` is one"),
        (spec.kill_mark is not None, "a kill switch is made of rules"),
        (bool(tunnel.hooks.lines), "its wg-quick file has some"),
    )
    return next((text for holds, text in reasons if holds), "")


def _keyfile(tunnel: Tunnel) -> str:
    node, key = tunnel.node, tunnel.private_key
    same = uuid.uuid5(uuid.NAMESPACE_URL, f"meshc:{tunnel.network}/{node.name}/{node.interface}")
    lines = [
        "[connection]",
        f"id={tunnel.interface}",
        f"uuid={same}",
        "type=wireguard",
        f"interface-name={tunnel.interface}",
        "",
        "[wireguard]",
        f"private-key={key.reveal()}" if key is not None else f"private-key-flags={_NOT_SAVED}",
        f"mtu={node.mtu}",
    ]
    if node.listen_port is not None:
        lines.append(f"listen-port={node.listen_port}")
    if node.spec.fwmark:
        lines.append(f"fwmark={node.spec.fwmark}")
    lines.append(f"peer-routes={'false' if node.spec.table == 'off' else 'true'}")
    for family in (4, 6):
        lines.append(f"ip{family}-auto-default-route={int(family in tunnel.own_table)}")
    for peer in tunnel.peers:
        lines += ["", f"[wireguard-peer.{peer.public_key}]"]
        if peer.preshared_key is not None:
            lines += [f"preshared-key={peer.preshared_key.reveal()}", "preshared-key-flags=0"]
        if peer.endpoint is not None:
            lines.append(f"endpoint={peer.endpoint}")
        if peer.keepalive:
            lines.append(f"persistent-keepalive={peer.keepalive}")
        if peer.allowed_ips:
            lines.append(f"allowed-ips={_list(map(str, peer.allowed_ips))}")
    for family in (4, 6):
        lines += _family(tunnel, family)
    return "\n".join(lines) + "\n"


def _family(tunnel: Tunnel, family: int) -> Iterator[str]:
    addresses = [a for a in tunnel.node.addresses if a.family == family]
    yield from ("", f"[ipv{family}]")
    if not addresses:
        yield "method=disabled"
        return
    for number, address in enumerate(addresses, 1):
        yield f"address{number}={address}"
    yield "method=manual"
    words = [word for word in tunnel.servers if is_address(word)]
    search = [word for word in tunnel.servers if not is_address(word)]
    servers = [word for word in words if (":" in word) == (family == 6)]
    if servers:
        # wg-quick(8) hands all names to the servers of the tunnel, and to no others
        yield f"dns={_list(servers)}"
        yield f"dns-search={_list(['~', *search])}"
        yield "dns-priority=-50"
    elif search and not words:
        yield f"dns-search={_list(search)}"
    tables = {
        tunnel.table_of(prefix)
        for peer in tunnel.peers
        for prefix in peer.allowed_ips
        if prefix.family == family and tunnel.node.spec.table is not None
    }
    yield from (f"route-table={table}" for table in tables - {None, MAIN})


def _list(words: Iterable[str]) -> str:
    return "".join(f"{word};" for word in words)
