"""The inferred network as a YAML file that people go on editing."""

from __future__ import annotations

import json

from meshc.topology.importer.inference import Imported, ImportedNode
from meshc.wg.overhead import TUNNEL_MTU

# Hooks that meshc itself writes: they come back with the next build.
_OWN = ("MESHC-", "/run/meshc", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
# what `mtu: auto` comes to by itself
_AUTO_MTUS = frozenset(TUNNEL_MTU.values())


def document(imported: Imported, *, name: str) -> str:
    """The text of a topology file. Every string is a quoted JSON scalar where it must be."""
    lines = [
        "# Made from existing wg-quick files by `meshc import`. Read it, then `meshc build` it.",
        "meshc: 1",
        "network:",
        f"  name: {_scalar(name)}",
        f"  addresses: [{', '.join(_scalar(str(pool)) for pool in imported.pools)}]",
        f"  keepalive: {imported.keepalive}",
        f"  preshared_keys: {'true' if imported.preshared else 'false'}",
    ]
    if imported.dns:
        lines.append(f"  dns: [{', '.join(_scalar(server) for server in imported.dns)}]")
    lines += ["", "nodes:"]
    for node in imported.nodes.values():
        lines += _node(node, imported)
    return "\n".join(lines) + "\n"


def _node(node: ImportedNode, imported: Imported) -> list[str]:
    conf = node.conf
    out = [f"  {_scalar(node.name)}:"]
    if node.relay:
        out.append("    role: relay")
    if node.endpoint:
        out.append(f"    endpoint: {_scalar(str(node.endpoint))}")
    if node.addresses:
        texts = [_scalar(prefix.address) for prefix in node.addresses]
        out.append(f"    address: [{', '.join(texts)}]")
    if node.routes:
        out.append(f"    routes: [{', '.join(_scalar(str(p)) for p in node.routes)}]")
    if node.exit_node:
        out.append("    exit_node: true")
    if node.exit:
        out.append(f"    exit: {_scalar(node.exit)}")
    if conf is None:
        out.append(f"    public_key: {_scalar(node.public_key)}")
        out.append("    managed: false")
        return out
    if conf.listen_port and (node.endpoint is None or conf.listen_port != node.endpoint.port):
        out.append(f"    listen_port: {conf.listen_port}")
    if conf.mtu and conf.mtu not in _AUTO_MTUS:
        out.append(f"    mtu: {conf.mtu}")
    if conf.table:
        out.append(f"    table: {_scalar(conf.table)}")
    if conf.fwmark:
        out.append(f"    fwmark: {conf.fwmark}")
    if conf.dns != imported.dns and conf.dns:
        out.append(f"    dns: [{', '.join(_scalar(item) for item in conf.dns)}]")
    hooks = [
        (key, [command for command in commands if not any(word in command for word in _OWN)])
        for key, commands in (
            ("pre_up", conf.pre_up),
            ("post_up", conf.post_up),
            ("pre_down", conf.pre_down),
            ("post_down", conf.post_down),
        )
    ]
    if any(commands for _, commands in hooks):
        out.append(
            "    # These hooks were in the file. meshc sets up forwarding by itself: keep only"
        )
        out.append("    # what it does not do.")
    for key, commands in hooks:
        out += [f"    # {key}: {_scalar(command)}" for command in commands]
    return out


def _scalar(text: str) -> str:
    """Plain where YAML 1.2 reads it back as the same string, else JSON, which is YAML."""
    plain = text and text.isascii() and all(c.isalnum() or c in "._/-" for c in text)
    wordlike = plain and text[0].isalpha() and text.lower() not in ("true", "false", "null")
    address = plain and text[0].isdigit() and text.count(".") == 3
    return text if wordlike or address else json.dumps(text)
