"""Where the text of a topology names nodes: as keys, alone, in lists, and in texts with commas."""

from __future__ import annotations

import re
from collections.abc import Iterator

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from meshc.topology.language.edit.layout_tree import LayoutTree, entry_of

# keys whose values are names of nodes, wherever they stand
NAMING = frozenset(
    {"members", "endpoints", "from", "to", "via", "direct", "exit", "dns", "node", "except"}
)
Path = tuple[str | int, ...]


def name_places(tree: LayoutTree) -> Iterator[tuple[Path, ScalarNode]]:
    """Every text that is the name of a node, or holds such names between commas; in the order of
    the text, the keys of `nodes` and of `lab.nodes` too."""
    if not isinstance(tree.root, MappingNode):
        return
    for section in ("nodes", "lab"):
        table = entry_of(tree.root, section)
        if table is not None and section == "lab":
            table = entry_of(table[1], "nodes")
        if table is not None and isinstance(table[1], MappingNode):
            prefix: Path = ("lab", "nodes") if section == "lab" else ("nodes",)
            for key, _ in table[1].value:
                yield (*prefix, key.value), key
    groups = entry_of(tree.root, "groups")
    if groups is not None and isinstance(groups[1], MappingNode):
        for key, members in groups[1].value:
            yield from _texts(members, ("groups", key.value))
    yield from _named(tree.root, (), set())


def _named(node: Node, path: Path, seen: set[int]) -> Iterator[tuple[Path, ScalarNode]]:
    """The values of naming keys below `node`; what aliases repeat, once."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, MappingNode):
        for key, value in node.value:
            here = (*path, key.value)
            # a group, a site or a node may be called like a key
            if key.value in NAMING and path not in (("nodes",), ("groups",), ("sites",)):
                yield from _texts(value, here)
            yield from _named(value, here, seen)
    elif isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            yield from _named(item, (*path, index), seen)


def _texts(node: Node, path: Path) -> Iterator[tuple[Path, ScalarNode]]:
    if isinstance(node, ScalarNode):
        yield path, node
    elif isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            if isinstance(item, ScalarNode):
                yield (*path, index), item


def word(name: str, domain: str = "") -> re.Pattern[str]:
    """The name as a word of a text: alone, between commas, before `:lan`, or before the domain of
    the network."""
    behind = rf"(?:\.{re.escape(domain)})?" if domain else ""
    return re.compile(rf"(?<![A-Za-z0-9._-]){re.escape(name)}(?={behind}\s*(?:$|[,:\"']))")
