"""The picture as a mermaid flowchart, for Markdown pages."""

from __future__ import annotations

from meshc.render.diagram.picture import NodeKind, Picture, PictureNode

# More bounced pairs than this are left out: their number grows with the square of the nodes.
MOST_BOUNCED = 12

_SHAPE = {
    NodeKind.RELAY: ("{{", "}}"),
    NodeKind.PUBLIC: ("[", "]"),
    NodeKind.HIDDEN: ("(", ")"),
    NodeKind.FOREIGN: ("[/", "/]"),
}


def mermaid(picture: Picture) -> str:
    """A `flowchart`: solid lines are direct links, dotted lines go through relays."""
    out = ["flowchart LR"]
    placed: set[int] = set()
    for number, (site, nat) in enumerate(picture.sites.items()):
        members = [i for i, node in enumerate(picture.nodes) if node.site == site]
        if not members:
            continue
        out.append(f'  subgraph s{number}["{_text(site)} (NAT: {nat.replace("_", " ")})"]')
        out += [f"    {_node(i, picture.nodes[i])}" for i in members]
        out.append("  end")
        placed.update(members)
    out += [f"  {_node(i, n)}" for i, n in enumerate(picture.nodes) if i not in placed]
    out += [f"  n{a} --- n{b}" for a, b in picture.links]
    if len(picture.bounced) <= MOST_BOUNCED:
        out += [f"  n{a} -.- n{b}" for a, b in picture.bounced]
    out.append("  classDef relay fill:#2563eb,stroke:#1e40af,color:#fff")
    relays = ",".join(f"n{i}" for i, n in enumerate(picture.nodes) if n.kind is NodeKind.RELAY)
    if relays:
        out.append(f"  class {relays} relay")
    return "\n".join(out) + "\n"


def _node(index: int, node: PictureNode) -> str:
    left, right = _SHAPE[node.kind]
    label = "<br/>".join([_text(node.name), *node.addresses])
    return f'n{index}{left}"{label}"{right}'


def _text(text: str) -> str:
    """Mermaid reads `#name;` entities inside quotes; a raw quote would end the label."""
    return text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;")
