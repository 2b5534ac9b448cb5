"""The language as a page for people, made from the same sections as the JSON Schema."""

from __future__ import annotations

from typing import Any

from meshc.topology.language.schema.json_schema import json_schema

_PAGE = """\
# The language

One YAML file says what the network is. Made by `meshc schema --format markdown`; editors complete
the same keys from [meshc.schema.json](meshc.schema.json), and
[every-key](../examples/topologies/every-key/mesh.yaml) shows each of them once.

- Unknown keys are errors; duplicate keys are errors; YAML 1.2 scalars (`no` is text, `22:22` too).
- Anchors, aliases and merge keys (`<<: *name`, `<<: [*one, *two]`) work; keys at the top that start
  with `x-` are yours, to hold what is marked.
- `include` takes ordinary files that end in .yaml or .yml; each comes in once, may include others,
  and keeps its anchors to itself. `network`, `defaults` and `lab` stand in the main file.
- Every list also takes one comma-separated text, except commands. IPv6 endpoints are bracketed.
- Node keys may also stand in a group, a site or `defaults`. The nearest wins: node, group, site,
  defaults, network. Two groups of one node must not disagree.
- Names of nodes, sites and groups have letters, digits, `-`, `_` and `.`, at most 63 characters.
- `all`, `none`, `relays`, `direct`, `hosts` and `manifest.json` cannot be names.
- There are no ranges of names (`worker-[01:20]`): each node has an address, a key and a story of
  its own, which `git blame`, `rename` and `remove` find by its line. Twenty alike are twenty lines
  (`worker-01: *worker`), which `meshc add` or a loop writes.

## A file

{file}"""
_SECTIONS = (
    ("network", "NetworkSection"),
    ("nodes.NAME", "NodeSection"),
    ("nodes.NAME.deploy", "DeploySection"),
    ("sites.NAME", "SiteSection"),
    ("groups.NAME", "GroupSection"),
    ("defaults", "DefaultsSection"),
    ("links[]", "LinkSection"),
    ("policies[]", "PolicySection"),
    ("tests[]", "TestSection"),
    ("lab", "LabSection"),
    ("accept[]", "AcceptSection"),
    ("keys", "KeysSection"),
)


def language_reference() -> str:
    """Markdown: a table of keys for each section; keys shared with nodes are listed there only."""
    schema = json_schema()
    definitions = schema["$defs"]
    shared = set(definitions["DefaultsSection"]["properties"]) - {"site"}
    page = _PAGE.format(file=_table(schema["properties"], set(schema["required"])))
    for place, name in _SECTIONS:
        section = definitions[name]
        keys = section["properties"]
        inherits = name in ("SiteSection", "GroupSection", "DefaultsSection")
        own = {k: v for k, v in keys.items() if not (inherits and k in shared)}
        page += f"\n## `{place}`\n\n{section['description']}\n\n"
        page += _table(own, set(section.get("required", ())))
        if inherits:
            page += f"\nAnd the node keys {', '.join(f'`{key}`' for key in sorted(shared))}.\n"
    return page


def _table(properties: dict[str, Any], required: set[str]) -> str:
    lines = ["| key | takes | meaning |", "|---|---|---|"]
    for key, value in properties.items():
        must = " **Required.**" if key in required else ""
        text = value["description"].replace("|", "\\|")
        lines.append(f"| `{key}` | {_kind(value)} | {text}{must} |")
    return "\n".join(lines) + "\n"


def _kind(value: dict[str, Any]) -> str:
    """What a key takes, in a few words."""
    if "$ref" in value:
        return "mapping"
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return " ".join(f"`{word}`" for word in value["enum"])
    if "anyOf" in value:
        kinds = [_kind(option) for option in value["anyOf"]]
        if "list" in kinds and "text" in kinds:
            kinds.remove("text")
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind != "null"))
    kind = value["type"]
    if isinstance(kind, list):
        return " or ".join(_WORDS[word] for word in kind if word != "null")
    return _WORDS[kind]


_WORDS = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "true/false",
    "array": "list",
    "object": "mapping",
    "null": "null",
}
