"""A change to the text of a topology, read again and held against what it should say.

What is written in an unusual way (an alias, a block inside of a flow) may be beyond a change to the
text; then the comparison fails, nothing is changed, and who asked is told to do it by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from meshc.diagnostics import Diagnostics
from meshc.topology.language.edit import text_edit
from meshc.topology.language.edit.layout_tree import LayoutTree, entry_of
from meshc.topology.language.edit.name_places import name_places, word
from meshc.topology.language.read.yaml_reader import parse_source
from meshc.values import dataclass

Path = Sequence[str | int]


@dataclass(frozen=True, slots=True)
class Uneditable:
    """Why a text was left as it is."""

    reason: str


def with_key(text: str, path: Path, key: str, value: str) -> str | Uneditable:
    """`key: value` in the mapping at `path`."""
    wanted = _data(text)
    here = _at(wanted, path[:-1])
    entry = here[path[-1]] or {}
    here[path[-1]] = {**entry, key: _data(f"v: {value}")["v"]}
    return _checked(text_edit.set_key(text, path, key, value), wanted)


def with_entry(text: str, table: str, name: str, value: str) -> str | Uneditable:
    """`name: value` in the mapping `table` at the top; `value` is YAML on one line, or nothing."""
    wanted = _data(text) or {}
    entry = _read(f"v: {value}")
    if not isinstance(entry, dict) or [*entry] != ["v"]:
        return Uneditable(f"what {name!r} shall be is no YAML on one line")
    wanted[table] = {**(wanted.get(table) or {}), name: entry["v"]}
    return _checked(text_edit.add_entry(text, table, name, value), wanted)


def with_member(text: str, group: str, name: str) -> str | Uneditable:
    """With the node in a group, which need not exist."""
    wanted = _data(text) or {}
    groups = wanted.get("groups") or {}
    entry = groups.get(group)
    path: Path = ("groups", group, "members") if isinstance(entry, dict) else ("groups", group)
    held = entry.get("members") if isinstance(entry, dict) else entry
    members = [held] if isinstance(held, str) else list(held or [])
    there = [*members, name]
    if isinstance(entry, dict):
        wanted["groups"][group]["members"] = there
    else:
        wanted["groups"] = {**groups, group: there}
    listed = f"[{', '.join(there)}]"
    if isinstance(held, list):
        return _checked(text_edit.add_item(text, path, name), wanted)
    if group not in groups:
        return _checked(text_edit.add_entry(text, "groups", group, listed), wanted)
    return _checked(text_edit.set_key(text, path[:-1], str(path[-1]), listed), wanted)


def without(text: str, path: Path) -> str | Uneditable:
    """Without what stands at `path`."""
    wanted = _data(text)
    del _at(wanted, path[:-1])[path[-1]]
    return _checked(text_edit.take_out(text, path), wanted)


def renamed(text: str, old: str, new: str, domain: str = "") -> str | Uneditable:
    """With `new` wherever the node `old` is named."""
    found = word(old, domain)
    tree = LayoutTree(text)
    spans = sorted({(tree.start(node), tree.end(node)) for _, node in name_places(tree)})
    changed = text
    for start, end in reversed(spans):
        changed = changed[:start] + found.sub(new, changed[start:end]) + changed[end:]
    after = _read(changed)
    if after is None:
        return Uneditable("the text could not be changed safely")
    for one, other in _differences(_data(text), after):
        if not isinstance(one, str) or found.sub(new, one) != other:
            return Uneditable("the text could not be changed safely")
    return changed


def mentions(text: str, name: str, domain: str = "") -> list[tuple[str | int, ...]]:
    """The places that name the node, its own entry not among them."""
    found = word(name, domain)
    places = (
        (path, node) for path, node in name_places(LayoutTree(text)) if found.search(node.value)
    )
    return [path for path, _ in places if path != ("nodes", name)]


def readable(text: str) -> bool:
    """Whether it is YAML that the language takes."""
    return _read(text) is not None or not text.strip()


def nodes(text: str) -> list[str]:
    """The names of the nodes in a text that is readable."""
    data = _data(text)
    table = data.get("nodes") if isinstance(data, dict) else None
    return list(table) if isinstance(table, dict) else []


def section(text: str, name: str) -> dict[str, Any]:
    """A mapping at the top of a text that is readable; empty where there is none."""
    data = _data(text)
    found = data.get(name) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def network(text: str, key: str) -> str:
    """A text that `network` holds, its name or its domain; empty where there is none."""
    found = section(text, "network").get(key)
    return found if isinstance(found, str) else ""


def has(text: str, path: Path) -> bool:
    """Whether there is something at `path`, if only an empty value."""
    tree = LayoutTree(text)
    return entry_of(tree.find(path[:-1]), path[-1]) is not None


def smallest(text: str, place: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """What goes with a name in `links` or `tests`: its item of a list that holds others, else the
    whole entry. A link has two ends."""
    siblings = LayoutTree(text).find(place[:-1])
    many = isinstance(place[-1], int) and siblings is not None and len(siblings.value) > 1
    return place if place[0] == "tests" and many else place[:2]


def _checked(changed: str | None, wanted: Any) -> str | Uneditable:
    if changed is None or next(_differences(wanted, _read(changed)), None) is not None:
        return Uneditable("it is written in a way that cannot be changed safely")
    return changed


def _differences(one: Any, other: Any) -> Iterator[tuple[Any, Any]]:
    """Where two documents differ; the order of keys and of nothing else may."""
    waiting = [(one, other)]
    while waiting:
        a, b = waiting.pop()
        if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
            waiting.extend((a[key], b[key]) for key in a)
        elif isinstance(a, dict) and isinstance(b, dict) and len(a) == len(b):
            lost, came = [k for k in a if k not in b], [k for k in b if k not in a]
            yield from zip(lost, came, strict=True)
            waiting.extend((a[key], b[key]) for key in a if key in b)
            waiting.extend((a[k], b[n]) for k, n in zip(lost, came, strict=True))
        elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            waiting.extend(zip(a, b, strict=True))
        elif a != b or type(a) is not type(b):
            yield a, b


def _data(text: str) -> Any:
    """The document, without what aliases share. Raises: ValueError for text that is not one."""
    found = _read(text)
    if found is None and text.strip():
        raise ValueError("not a topology")
    return found


def _read(text: str) -> Any:
    diagnostics = Diagnostics()
    source = parse_source(text, "", diagnostics)
    return None if source is None or diagnostics.has_errors else _copied(source.data)


def _copied(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _copied(value) for key, value in data.items()}
    return [_copied(value) for value in data] if isinstance(data, list) else data


def _at(data: Any, path: Path) -> Any:
    for step in path:
        data = data[step]
    return data
