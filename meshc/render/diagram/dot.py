"""The picture in the dot language of Graphviz."""

from __future__ import annotations

from meshc.render.diagram.mermaid import MOST_BOUNCED
from meshc.render.diagram.picture import NodeKind, Picture, PictureNode

_STYLE = {
    NodeKind.RELAY: 'shape=hexagon style=filled fillcolor="#2563eb" fontcolor=white',
    NodeKind.PUBLIC: 'shape=box style="rounded,filled" fillcolor="#dbeafe"',
    NodeKind.HIDDEN: 'shape=box style="rounded,filled" fillcolor="#f3f4f6"',
    NodeKind.FOREIGN: 'shape=box style="rounded,dashed"',
}


def dot(picture: Picture) -> str:
    """An undirected graph: solid edges are direct, dashed ones go through relays."""
    out = [
        f"graph {_quote(picture.title)} {{",
        '  layout=neato; overlap=false; splines=true; node [fontname="sans-serif" fontsize=11];',
    ]
    placed: set[int] = set()
    for number, (site, nat) in enumerate(picture.sites.items()):
        members = [i for i, node in enumerate(picture.nodes) if node.site == site]
        if not members:
            continue
        label = f"{site} (NAT: {nat.replace('_', ' ')})"
        out.append(f"  subgraph cluster_{number} {{ label={_quote(label)};")
        out += [f"    {_node(i, picture.nodes[i])}" for i in members]
        out.append("  }")
        placed.update(members)
    out += [f"  {_node(i, n)}" for i, n in enumerate(picture.nodes) if i not in placed]
    out += [f"  n{a} -- n{b};" for a, b in picture.links]
    if len(picture.bounced) <= MOST_BOUNCED:
        out += [f'  n{a} -- n{b} [style=dashed color="#9ca3af"];' for a, b in picture.bounced]
    return "\n".join([*out, "}"]) + "\n"


def _node(index: int, node: PictureNode) -> str:
    label = "\n".join([node.name, *node.addresses])
    return f"n{index} [label={_quote(label)} {_STYLE[node.kind]}];"


def _quote(text: str) -> str:
    """A double-quoted dot string; only the quote and the backslash are special in it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
