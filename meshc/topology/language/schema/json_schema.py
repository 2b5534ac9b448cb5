"""The language as a JSON Schema (draft 2020-12), made from the sections that read it."""

from __future__ import annotations

import json
from typing import Any

from meshc.topology.language.schema import scalars, sections
from meshc.topology.language.schema.fields import Field, KeySection

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SECTIONS = (
    *("network", "node", "site", "group", "defaults", "link", "policy", "test", "lab"),
    *("accept", "keys"),
)


def json_schema() -> dict[str, Any]:
    """The schema of a whole file."""
    refs = {name: {"$ref": f"#/$defs/{sections.SECTIONS[name].name}"} for name in _SECTIONS}
    return {
        "$schema": DIALECT,
        "title": "meshc topology",
        "description": "A WireGuard network in one file.",
        "type": "object",
        "required": ["meshc", "network", "nodes"],
        "additionalProperties": False,
        "patternProperties": {"^x-": {"description": "The writer's own: a place for anchors."}},
        "properties": _top(refs),
        "$defs": _definitions(),
    }


def json_schema_text() -> str:
    """The schema as the file in the repository holds it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _top(refs: dict[str, Any]) -> dict[str, Any]:
    """The keys of a file."""
    members = {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]}
    group = {"anyOf": [*members["anyOf"], refs["group"], {"type": "null"}]}
    return {
        "meshc": {
            "const": sections.LANGUAGE_VERSION,
            "description": "The version of the language.",
        },
        "include": {
            **members,
            "description": "Further files with sites, nodes, groups, links and tests of this "
            "network, relative to this one.",
        },
        "network": _described(refs["network"], "The network as a whole."),
        "defaults": _described(_or_null(refs["defaults"]), "Node keys for all nodes."),
        "sites": _named(_or_null(refs["site"]), "Places behind one NAT."),
        "nodes": _named(_or_null(refs["node"]), "The nodes by name."),
        "groups": _named(group, "Groups of nodes: a list, or members with node keys."),
        "links": {
            "type": ["array", "null"],
            "items": refs["link"],
            "description": "Overrides for pairs; links themselves are inferred.",
        },
        "policies": {
            "type": "array",
            "items": refs["policy"],
            "description": "Who may reach whom; absent: everybody everybody.",
        },
        "tests": {
            "type": ["array", "null"],
            "items": refs["test"],
            "description": "Promises that the proof checks.",
        },
        "lab": _described(_or_null(refs["lab"]), "What `meshc lab` simulates."),
        "accept": {
            "type": ["array", "null"],
            "items": refs["accept"],
            "description": "Warnings that are known and meant.",
        },
        "keys": _described(_or_null(refs["keys"]), "Where the network's secrets are kept."),
    }


def _named(value: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "type": ["object", "null"],
        "propertyNames": {"pattern": scalars.NAME_PATTERN},
        "additionalProperties": value,
        "description": description,
    }


def _or_null(reference: dict[str, Any]) -> dict[str, Any]:
    """`laptop:` alone is a node without settings."""
    return {"anyOf": [reference, {"type": "null"}]}


def _described(value: dict[str, Any], description: str) -> dict[str, Any]:
    return {**value, "description": description}


def _definitions() -> dict[str, Any]:
    return {s.name: _section(s) for s in sorted(sections.SECTIONS.values(), key=lambda s: s.name)}


def _section(section: KeySection) -> dict[str, Any]:
    required = [key for key, field in section.fields.items() if field.required]
    return {
        "title": section.name,
        "description": section.description,
        "type": "object",
        "additionalProperties": False,
        **({"required": required} if required else {}),
        "properties": {key: _property(field) for key, field in section.fields.items()},
    }


def _property(field: Field) -> dict[str, Any]:
    examples = {"examples": list(field.examples)} if field.examples else {}
    return {"description": field.description, **field.kind.schema, **examples}
