"""Single changes to the text of a topology: set a key of a node, add a node, add to a list, take an
entry out.

Each returns the new text, or None where the text is written in a way that it cannot change; whoever
calls reads the new text and compares what it says (`edited.py`), so that nothing rests on these.
"""

from __future__ import annotations

from collections.abc import Sequence

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from meshc.topology.language.edit.layout_tree import LayoutTree, entry_of

Path = Sequence[str | int]


def set_key(text: str, path: Path, key: str, value: str) -> str | None:
    """`key: value` in the mapping at `path`; `value` is YAML on one line."""
    tree = LayoutTree(text)
    parent = tree.find(path[:-1])
    entry = entry_of(parent, path[-1])
    if entry is None:
        return None
    name, node = entry
    if isinstance(node, MappingNode):
        present = entry_of(node, key)
        if present is not None:
            return _replaced(text, tree.start(present[1]), tree.end(present[1]), value)
        if not node.flow_style:
            column = _column(tree, node.value[0][0])
            return _inserted(text, tree.line_start(tree.start(node)), f"{column}{key}: {value}\n")
        inner = f"{key}: {value}" + (", " if node.value else "")
        return _inserted(text, tree.start(node) + 1, inner)
    if isinstance(node, ScalarNode) and tree.start(node) == tree.end(node):
        colon = text.find(":", tree.end(name))
        return _inserted(text, colon + 1, f" {{{key}: {value}}}") if colon >= 0 else None
    return None


def add_entry(text: str, table: str, name: str, value: str) -> str | None:
    """`name: value` at the end of the mapping `table` at the top."""
    tree = LayoutTree(text)
    entry = entry_of(tree.root, table)
    line = f"{name}: {value}" if value else f"{name}:"
    if entry is None:
        break_ = "" if text.endswith("\n") or not text else "\n"
        return f"{text}{break_}{table}:\n  {line}\n"
    node = entry[1]
    if isinstance(node, MappingNode) and node.flow_style:
        close = tree.end(node) - 1
        kept = text[:close].rstrip()
        comma = "" if not node.value else " " if kept.endswith(",") else ", "
        return f"{kept}{comma}{line}{text[close:]}"
    if isinstance(node, MappingNode):
        column = _column(tree, node.value[0][0])
        return _after(text, tree, tree.end(node), f"{column}{line}\n")
    if isinstance(node, ScalarNode) and tree.start(node) == tree.end(node):
        return _after(text, tree, tree.end(entry[0]), f"  {line}\n")
    return None


def add_item(text: str, path: Path, value: str) -> str | None:
    """`value` at the end of the list at `path`."""
    tree = LayoutTree(text)
    node = tree.find(path)
    if not isinstance(node, SequenceNode):
        return None
    if not node.flow_style:
        column = " " * int(node.start_mark.column)
        return _after(text, tree, tree.end(node), f"{column}- {value}\n")
    close = tree.end(node) - 1
    kept = text[:close].rstrip()
    comma = "" if not node.value else " " if kept.endswith(",") else ", "
    return f"{kept}{comma}{value}{text[close:]}"


def take_out(text: str, path: Path) -> str | None:
    """Without the entry of a mapping, or the item of a list, at `path`. A mapping or list that had
    nothing else stays, empty."""
    tree = LayoutTree(text)
    parent = tree.find(path[:-1])
    entry = entry_of(parent, path[-1])
    if entry is None or not isinstance(parent, MappingNode | SequenceNode):
        return None
    first, last = tree.start(entry[0]), tree.end(entry[1])
    if len(parent.value) == 1:
        return _emptied(tree, parent)
    if parent.flow_style:
        return _out_of_flow(text, first, last)
    start = tree.line_start(first)
    if text[start:first].strip(" ") and isinstance(parent, MappingNode):
        return None  # the first key of a mapping that is the item of a list
    return text[:start] + text[tree.line_end(max(first, last - 1)) :]


def _emptied(tree: LayoutTree, parent: MappingNode | SequenceNode) -> str:
    empty = "{}" if isinstance(parent, MappingNode) else "[]"
    first, last = tree.start(parent), tree.end(parent)
    if parent.flow_style:
        return tree.text[:first] + empty + tree.text[last:]
    head = tree.text[:first].rstrip()
    return f"{head} {empty}\n{tree.text[tree.line_end(max(first, last - 1)) :]}"


def _out_of_flow(text: str, first: int, last: int) -> str:
    """Together with one of the commas beside it."""
    after = last
    while after < len(text) and text[after] in " \n":
        after += 1
    if after < len(text) and text[after] == ",":
        after += 1
        while after < len(text) and text[after] == " ":
            after += 1
        return text[:first] + text[after:]
    before = text[:first].rstrip()
    return before.removesuffix(",") + text[last:]


def _replaced(text: str, start: int, end: int, value: str) -> str:
    return text[:start] + value + text[end:]


def _inserted(text: str, at: int, piece: str) -> str:
    return text[:at] + piece + text[at:]


def _after(text: str, tree: LayoutTree, at: int, line: str) -> str:
    """A line of its own behind the one in which the character before `at` stands."""
    end = tree.line_end(max(0, at - 1))
    break_ = "" if text[:end].endswith("\n") else "\n"
    return text[:end] + break_ + line + text[end:]


def _column(tree: LayoutTree, key: Node) -> str:
    return " " * int(key.start_mark.column)
