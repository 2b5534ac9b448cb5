"""The tree of a YAML text with the extent of everything in it, for changes to the text itself.

The text has been read by `read/` before, which bounds depth and size: here it is only measured.
"""

from __future__ import annotations

from collections.abc import Sequence

import yaml
from yaml.nodes import MappingNode, Node, SequenceNode


class LayoutTree:
    """One text. Offsets count characters; paths are those of the parsed document."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.root: Node | None = yaml.compose(text, Loader=yaml.SafeLoader)

    def find(self, path: Sequence[str | int]) -> Node | None:
        """The value at `path`, None where there is none."""
        here = self.root
        for step in path:
            entry = entry_of(here, step)
            if entry is None:
                return None
            here = entry[1]
        return here

    def start(self, node: Node) -> int:
        return int(node.start_mark.index)

    def end(self, node: Node) -> int:
        """Where the last character of its content stands, plus one: the parser's own end of a
        block lies behind the comments and empty lines that follow it."""
        if not isinstance(node, MappingNode | SequenceNode) or node.flow_style or not node.value:
            return int(node.end_mark.index)
        last = node.value[-1]
        return self.end(last[1] if isinstance(node, MappingNode) else last) or self.start(node)

    def line_start(self, at: int) -> int:
        return self.text.rfind("\n", 0, at) + 1

    def line_end(self, at: int) -> int:
        """Behind the line break of the line in which `at` stands."""
        found = self.text.find("\n", at)
        return len(self.text) if found < 0 else found + 1


def entry_of(node: Node | None, step: str | int) -> tuple[Node, Node] | None:
    """Key and value of an entry of a mapping; the item of a list, twice."""
    if isinstance(node, MappingNode):
        return next(((k, v) for k, v in node.value if k.value == step), None)
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None
