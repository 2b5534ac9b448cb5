"""The routes of a MikroTik router that lead into its tunnel.

A default route there would take WireGuard's own packets along and end them in the tunnel that
they carry. So it counts in a table of its own only, behind two rules: packets that left through
WireGuard's port look up the main table, and so does everything that the main table knows better
than by its default route. Rules are looked up in their order (RouterOS: Policy Routing).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshc.prefixes import Prefix
from meshc.topology.proof.router_script import parsed
from meshc.topology.proof.routeros_commands import RouterCommand

_MENUS = ("/ip", "/ipv6")
_MAIN = "main"
_RULE = "/routing/rule"
_LOOKUP = ("lookup", "lookup-only-in-table")
# What may stand in a command without making it depend on more than is looked at here.
_PLAIN = frozenset(("comment", "disabled"))
_GUARD = frozenset(
    ("chain", "action", "new-routing-mark", "passthrough", "protocol", "src-port", *_PLAIN)
)


def tunnel_routes(
    added: Sequence[RouterCommand], interface: str, listen_port: str | None, file: str
) -> Iterator[Prefix]:
    """Routes of the main table, but for a default route; and those of a table that every packet
    looks up, but for WireGuard's own. Raises: ConfError for what is no prefix."""
    tables = _looked_up(added, listen_port)
    for command in added:
        given = command.arguments
        if command.menu not in [f"{menu}/route" for menu in _MENUS]:
            continue
        if given.get("gateway") != interface:
            continue
        text = given.get("dst-address", "")
        prefix = parsed(Prefix.parse, text, "prefix", file, command.line)
        table = given.get("routing-table", _MAIN)
        if table in tables or (table == _MAIN and prefix.length):
            yield prefix


def _looked_up(added: Sequence[RouterCommand], listen_port: str | None) -> set[str]:
    """Tables that rules send everything to, after the two exceptions. A rule with conditions that
    are not known here ends the search: what comes after it may never be asked."""
    marks = _guards(added, listen_port)
    made = {
        command.arguments.get("name", "")
        for command in added
        if command.menu == "/routing/table" and "fib" in command.flags
    }
    found: set[str] = set()
    guarded = specific = False
    for command in added:
        if command.menu != _RULE:
            continue
        given = {key: value for key, value in command.arguments.items() if key not in _PLAIN}
        action, table = given.pop("action", ""), given.pop("table", "")
        mark = given.pop("routing-mark", None)
        least = given.pop("min-prefix", None)
        if given or action not in _LOOKUP:
            break
        if mark is not None and least is None:
            guarded = guarded or (mark in marks and table == _MAIN)
        elif mark is None and least == "0" and table == _MAIN and action == "lookup":
            specific = True
        elif mark is None and least is None and table in made and guarded and specific:
            found.add(table)
        else:
            break
    return found


def _guards(added: Sequence[RouterCommand], listen_port: str | None) -> set[str]:
    """Routing marks that WireGuard's own packets get in both families: the one in which a peer's
    name is looked up is not known."""
    marks: list[set[str]] = []
    for menu in _MENUS:
        rules = [c for c in added if c.menu == f"{menu}/firewall/mangle"]
        marks.append({_mark(c) for c in rules if _is_guard(c, listen_port)})
    return set.intersection(*marks) - {""}


def _is_guard(command: RouterCommand, listen_port: str | None) -> bool:
    given = command.arguments
    return (
        _GUARD.issuperset(given)
        and given.get("chain") == "output"
        and given.get("action") == "mark-routing"
        and given.get("protocol") == "udp"
        and listen_port is not None
        and given.get("src-port") == listen_port
    )


def _mark(command: RouterCommand) -> str:
    return command.arguments.get("new-routing-mark", "")
