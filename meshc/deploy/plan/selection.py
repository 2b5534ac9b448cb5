"""Which nodes a command line means: names of nodes, groups and sites, and those left out."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from meshc.errors import StateError
from meshc.topology.language.spec import NodeSpec, Platform, Spec


def deployable(node: NodeSpec) -> bool:
    """Whether it can be logged in to."""
    return node.managed and bool(node.deploy.host) and node.platform is Platform.LINUX


def selected(
    spec: Spec, names: Iterable[str] = (), left_out: Iterable[str] = ()
) -> tuple[str, ...]:
    """The nodes that are named, and those of the groups and sites that are named which say how they
    are reached; without names, all that do. In the order of the names, each once.

    Raises: StateError for a name that is none.
    """
    out = {node for name in left_out for node in meant(spec, name)}
    if not (names := tuple(names)):
        return tuple(n for n, node in spec.nodes.items() if deployable(node) and n not in out)
    found: list[str] = []
    for name in names:
        these = meant(spec, name)
        if name not in spec.nodes:
            these = [one for one in these if deployable(spec.nodes[one])]
            if not these:
                raise StateError(
                    f"no node of {name} says how it is reached",
                    hint="give its nodes a `deploy: {host: ...}`",
                )
        found += these
    return tuple(name for name in dict.fromkeys(found) if name not in out)


def meant(spec: Spec, name: str) -> list[str]:
    """The nodes of one name, whether they are reached or not. Raises: StateError."""
    if name in spec.nodes:
        return [name]
    if name in spec.groups:
        return [one for one in spec.nodes if one in spec.groups[name]]
    if name in spec.sites:
        return [one for one, node in spec.nodes.items() if node.site == name]
    known = [*spec.nodes, *spec.groups, *spec.sites]
    close = get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(known[:10])}"
    raise StateError(f"{spec.file} has no node, group or site {name!r}", hint=hint)
