"""The inferred network as a YAML file that people go on editing."""

from __future__ import annotations

import json
from collections.abc import Iterable

from meshc.topology.importer.inference import Imported, ImportedNode
from meshc.topology.importer.own_hooks import OwnHooks, own_hooks
from meshc.wg.conf import Conf


def document(imported: Imported, *, name: str) -> str:
    """The text of a topology file. Every string is a quoted JSON scalar where it must be."""
    lines = [
        "# Made from existing wg-quick files by `meshc import`. Read it, then `meshc build` it.",
        "meshc: 1",
        "network:",
        f"  name: {_scalar(name)}",
        f"  addresses: {_list(map(str, imported.pools))}",
        f"  keepalive: {imported.keepalive}",
        f"  preshared_keys: {'true' if imported.preshared_keys else 'false'}",
    ]
    mtu = _common_mtu(imported)
    if mtu:
        lines.append(f"  mtu: {mtu}")
    if imported.interface != "wg0":
        lines.append(f"  interface: {_scalar(imported.interface)}")
    if imported.domain:
        lines.append(f"  domain: {_scalar(imported.domain)}")
    sites = sorted(
        {n.endpoints.site for n in imported.nodes.values() if n.endpoints.site is not None}
    )
    if sites:
        lines += ["", "sites:  # who reaches whom at a private address; nat is not known"]
        lines += [f"  lan{number}: {{}}" for number in sites]
    lines += ["", "nodes:"]
    for node in imported.nodes.values():
        lines += _node(node, imported)
    if imported.links:
        lines += ["", "links:"]
    for link in imported.links:
        parts = [f"endpoints: {_list((link.a, link.b))}"]
        if link.preshared_key is not None:
            parts.append(f"preshared_key: {_scalar(link.preshared_key)}")
        if link.keepalive is not None:
            parts.append(f"keepalive: {link.keepalive}")
        lines.append(f"  - {{{', '.join(parts)}}}")
    return "\n".join(lines) + "\n"


def _node(node: ImportedNode, imported: Imported) -> list[str]:
    out = [f"  {_scalar(node.name)}:"]
    if node.relay:
        out.append("    role: relay")
    out += _place(node)
    if node.addresses:
        out.append(f"    address: {_list(prefix.address for prefix in node.addresses)}")
    if node.routes:
        out.append(f"    routes: {_list(map(str, node.routes))}")
        if node.hooks is not None and not node.hooks.masquerades:
            out.append("    masquerade: false")
    if node.exit_node:
        out.append("    exit_node: true")
    if node.exit_use.name:
        out.append(f"    exit: {_scalar(node.exit_use.name)}")
    if node.exit_use.beside:
        out.append(f"    exit_except: {_list(node.exit_use.beside)}")
    out += _own(own_hooks(node.conf or Conf()))
    if node.exit_use.app:
        out.append("    platform: ios")
    if node.via:
        out.append(f"    via: {_list(node.via)}")
    if node.direct is not None:
        out.append(f"    direct: {_list(node.direct)}")
    if node.keepalive is not None:
        out.append(f"    keepalive: {node.keepalive or 'off'}")
    # meshc writes who may sleep; of a phone whose file is from elsewhere nobody can tell
    if node.may_sleep or (node.exit_use.app and node.conf is not None and node.conf.name):
        out.append(f"    always_on: {'false' if node.may_sleep else 'true'}")
    if node.conf is None:
        out.append(f"    public_key: {_scalar(node.public_key)}")
        out.append("    managed: false")
        return out
    if node.conf.private_key is None:
        out.append(f"    public_key: {_scalar(node.public_key)}")
    return out + _interface(node, node.conf, imported) + _hooks(node)


def _own(hooks: OwnHooks) -> list[str]:
    """What hooks of meshc's own say that no other line does."""
    said = {"kill_switch: true": hooks.kills, "open_port: true": hooks.opens}
    said["firewall: nftables"] = hooks.nft
    return [f"    {line}" for line, holds in said.items() if holds]


def _place(node: ImportedNode) -> list[str]:
    """Where the node is reached."""
    ends, out = node.endpoints, []
    if ends.site is not None:
        out.append(f"    site: lan{ends.site}")
    if ends.public:
        texts = list(map(str, ends.public))
        out.append(f"    endpoint: {_scalar(texts[0]) if len(texts) == 1 else _list(texts)}")
    underlay = ends.underlay or node.exit_use.family
    if underlay is not None:
        out.append(f"    underlay: [ipv{underlay}]")
    if ends.fixed:
        out.append("    nat: port_restricted")
    if ends.lan is not None:
        out.append(f"    lan_endpoint: {_scalar(str(ends.lan))}")
    return out


def _interface(node: ImportedNode, conf: Conf, imported: Imported) -> list[str]:
    """The settings of the [Interface] section that are not found by themselves."""
    out = []
    if conf.listen_port and conf.listen_port not in {e.port for e in node.endpoints.public[:1]}:
        out.append(f"    listen_port: {conf.listen_port}")
    if conf.mtu and conf.mtu != _common_mtu(imported):
        out.append(f"    mtu: {conf.mtu}")
    if conf.table:
        out.append(f"    table: {_scalar(conf.table)}")
    if conf.fwmark:
        out.append(f"    fwmark: {conf.fwmark}")
    if conf.dns or conf.search:
        out.append(f"    dns: {_list((*conf.dns, *conf.search))}")
    return out


def _common_mtu(imported: Imported) -> int | None:
    """The one MTU of all files: what `auto` comes to depends on more than they say."""
    found = {node.conf.mtu for node in imported.nodes.values() if node.conf is not None}
    return found.pop() if len(found) == 1 else None


def _hooks(node: ImportedNode) -> list[str]:
    """What the node runs beside what meshc does; that is shown as a comment which can be made a
    part of the file as a whole."""
    hooks = node.hooks
    assert hooks is not None
    out = []
    if hooks.key_file is not None:
        out.append(f"    private_key_file: {_scalar(hooks.key_file)}")
    elif hooks.key_command is not None:
        out.append(f"    private_key_command: {_scalar(hooks.key_command)}")
    for key, commands in hooks.kept.items():
        if commands:
            out += [f"    {key}:", *(f"      - {_scalar(command)}" for command in commands)]
    for key, commands in hooks.replaced.items():
        if commands:
            out.append("    # done by meshc in its own way, for what this file asks for:")
            out.append(f"    # {key}:")
            out += [f"    #   - {_scalar(command)}" for command in commands]
    return out


def _list(items: Iterable[str]) -> str:
    return f"[{', '.join(map(_scalar, items))}]"


def _scalar(text: str) -> str:
    """Plain where YAML 1.2 reads it back as the same string, else JSON, which is YAML."""
    plain = text and text.isascii() and all(c.isalnum() or c in "._/-" for c in text)
    wordlike = plain and text[0].isalpha() and text.lower() not in ("true", "false", "null")
    address = plain and text[0].isdigit() and text.count(".") == 3
    return text if wordlike or address else json.dumps(text)
