"""The record of reach: what of a topology says who reaches whom, as JSON, a line for each node and
rule. It is kept beside what was made of the topology, so that the next can be held against it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from meshc.errors import PrefixFormatError
from meshc.prefixes import Prefix
from meshc.topology.language.spec import NetworkSpec, NodeSpec, PolicyEnd, PolicySpec, Service, Spec

FORMAT = 1


def record(spec: Spec) -> str:
    """The text for a topology."""
    nodes = {
        name: {
            "addresses": [address.address for address in node.addresses],
            "routes": list(map(str, node.routes)),
            "exit_node": node.exit_node,
        }
        for name, node in sorted(spec.nodes.items())
    }
    rules = None if spec.policies is None else list(map(_rule, spec.policies))
    parts = [
        f'"meshc": {FORMAT}',
        f'"pools": {json.dumps(list(map(str, spec.network.pools)))}',
        f'"nodes": {_lines("{}", (f"{json.dumps(n)}: {json.dumps(v)}" for n, v in nodes.items()))}',
        f'"policies": {"null" if rules is None else _lines("[]", map(json.dumps, rules))}',
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def read_record(text: str) -> Spec | None:
    """A topology of which nothing else is known; None where the text is no such record."""
    try:
        whole = json.loads(text)
        if whole["meshc"] != FORMAT:
            return None
        rules = whole["policies"]
        return Spec(
            network=NetworkSpec("", tuple(map(Prefix.parse, whole["pools"]))),
            nodes={
                str(name): NodeSpec(
                    name=str(name),
                    addresses=tuple(map(Prefix.host, one["addresses"])),
                    routes=tuple(map(Prefix.parse, one["routes"])),
                    exit_node=one["exit_node"] is True,
                )
                for name, one in whole["nodes"].items()
            },
            sites={},
            groups={},
            policies=None if rules is None else tuple(map(_policy, rules)),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, PrefixFormatError):
        return None


def _rule(rule: PolicySpec) -> dict[str, Any]:
    ends = {"from": rule.sources, "to": rule.targets, "except": rule.excluded}
    return {
        **{key: _end(end) for key, end in ends.items()},
        "allow": list(map(list, rule.services)),
    }


def _end(end: PolicyEnd) -> dict[str, Any]:
    prefixes = list(map(str, end.prefixes))
    return {"nodes": list(end.nodes), "prefixes": prefixes, "internet": end.internet}


def _policy(one: Mapping[str, Any]) -> PolicySpec:
    ends = (
        PolicyEnd(
            tuple(map(str, end["nodes"])),
            tuple(map(Prefix.parse, end["prefixes"])),
            end["internet"] is True,
        )
        for end in (one["from"], one["to"], one["except"])
    )
    sources, targets, excluded = ends
    services = tuple(Service(str(kind), int(low), int(high)) for kind, low, high in one["allow"])
    return PolicySpec(sources, targets, services, excluded)


def _lines(brackets: str, rows: Any) -> str:
    body = ",\n".join(f"    {row}" for row in rows)
    return f"{brackets[0]}\n{body}\n  {brackets[1]}" if body else brackets
