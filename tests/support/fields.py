"""Every field of the language, found in its own JSON Schema, and values to try to break it with."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from meshc.topology.language.schema.json_schema import json_schema
from tests.support.hostile import put

Place = tuple[str | int, ...]

CANARY = "/run/meshc-canary"
_BITS = (
    "a\nPostUp = touch " + CANARY,
    "'",
    '"',
    f"$(touch {CANARY})",
    f"`touch {CANARY}`",
    f"; touch {CANARY};",
    f"& touch {CANARY} &",
    f"| touch {CANARY}",
    "../../../run/y",
    "%i %n %%",
    "-rf",
    "--help",
    "\\",
    "$HOME ~ *",
    "{0} {{1}}",
)
# as it stands, as the tail of a path, as the tail of a name
VALUES = tuple(form + bit for bit in _BITS for form in ("", "/run/x/", "a"))
COMMANDS = frozenset({"pre_up", "post_up", "pre_down", "post_down", "private_key_command"})
"""Keys whose text is run by a shell: that is what they are for."""
_KEPT_ELSEWHERE = ("private_key_file", "private_key_command")
_KEY = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="
_BASE: dict[str, Any] = {
    "meshc": 1,
    "network": {"name": "fieldnet", "addresses": ["10.44.0.0/24"]},
    "defaults": {},
    "sites": {"home": {}},
    "nodes": {
        "hub": {"role": "relay", "endpoint": "198.51.100.1", "deploy": {"host": "198.51.100.1"}},
        "leaf": {"site": "home"},
    },
    "groups": {"some": {"members": ["hub"]}},
    "links": [{"endpoints": ["hub", "leaf"]}],
    "tests": [{"from": "hub", "to": "leaf"}],
    "lab": {"sites": {"home": {}}, "nodes": {"hub": {}}},
}
_NAMED = {"sites": "home", "nodes": "hub", "groups": "some"}


def base() -> dict[str, Any]:
    """A topology that is right, with every section in it."""
    return copy.deepcopy(_BASE)


def fields() -> Iterator[tuple[Place, bool]]:
    """Where each field is, and whether it takes a list. A new key is found here by itself."""
    schema = json_schema()
    yield from _fields(schema, schema, ())


def placed(value: Any, *places: Place) -> dict[str, Any]:
    """The topology with this value in these places; sections that are missing are made."""
    tree = base()
    for place in places:
        for end in range(1, len(place)):
            inner: Any = tree
            for step in place[:end]:
                if isinstance(inner, dict) and step not in inner:
                    inner[step] = {}
                inner = inner[step]
        put(tree, place, value)
    if any(place[-1] in _KEPT_ELSEWHERE for place in places):
        for number, node in enumerate(tree["nodes"].values()):
            node["public_key"] = f"{'ab'[number]}{_KEY[1:]}"
    return tree


def renamed(section: str, name: str) -> dict[str, Any]:
    """The topology with another name in a section of names."""
    tree = base()
    tree[section][name] = tree[section].pop(_NAMED[section])
    return tree


def _fields(
    schema: dict[str, Any], part: dict[str, Any], at: Place
) -> Iterator[tuple[Place, bool]]:
    for key, inner in part.get("properties", {}).items():
        for shape in _shapes(schema, inner):
            kind = shape.get("type", "")
            if "properties" in shape:
                yield from _fields(schema, shape, (*at, key))
            elif "object" in kind:
                name = _NAMED.get(key, "hub" if key == "nodes" else "home")
                for item in _shapes(schema, shape["additionalProperties"]):
                    yield from _fields(schema, item, (*at, key, name))
            elif "array" in kind and "properties" in _resolved(schema, shape["items"]):
                yield from _fields(schema, _resolved(schema, shape["items"]), (*at, key, 0))
            elif kind != "null":
                yield (*at, key), "array" in kind


def _shapes(schema: dict[str, Any], part: dict[str, Any]) -> list[dict[str, Any]]:
    return [_resolved(schema, one) for one in part.get("anyOf", [part])]


def _resolved(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    name = part.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = schema["$defs"][name] if name else part
    return found
