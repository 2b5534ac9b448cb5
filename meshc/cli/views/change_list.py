"""The changes of a build: what is new for each node, and what brings it there.

Nodes of which the same can be said stand together. What is to be typed is a line of its own.
"""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from meshc.build.changes import ChangeKind, ConfChange, RequiredAction
from meshc.cli.views.page import Page, Styled
from meshc.topology.language.spec import Platform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshc.build.changes import NodeChange
    from meshc.build.pipeline import BuildResult

LONG = 40
ROUTES = 8
_SCRIPTS = {
    Platform.OPENWRT: "run the script there: sh, as root",
    Platform.ROUTEROS: "run the script there: /import",
}
_PHONES = (Platform.IOS, Platform.ANDROID)


_NAME = "\0"


class NextStep(NamedTuple):
    """What to do: a sentence, and the commands that it is about. `_NAME` stands for the node."""

    sentence: str
    commands: tuple[str, ...] = ()


def print_changes(page: Page, result: BuildResult, *, everything: bool) -> None:
    """All of it; of a long list the first LONG nodes."""
    changes = result.changes
    page.line()
    where = "would be written" if not result.written else "written"
    if not changes:
        page.line(f"Nothing changed: {_files(len(result.files))} in {result.out}.")
        return
    counts = Counter(change.kind for change in changes.nodes)
    told = ", ".join(f"{counts[kind]:,} {kind.value}" for kind in ChangeKind if counts[kind])
    page.line(Styled("Changes", "bold"), f" ({where} in {result.out}): nodes {told or 'unchanged'}")
    shown = changes.nodes if everything else changes.nodes[:LONG]
    alike: dict[tuple[str, str, NextStep], list[str]] = {}
    for change in shown:
        key = (change.kind.value, _what(change), _then(change, result))
        alike.setdefault(key, []).append(change.node)
    for (kind, what, then), names in alike.items():
        page.line(Styled(f"  {', '.join(names)}", "bold"), f": {kind}: {what}")
        page.line(f"    {then.sentence}")
        for command in then.commands:
            name = names[0] if len(names) == 1 else "NODE"
            page.copied(f"      {command.replace(_NAME, name)}")
    if len(changes.nodes) > len(shown):
        page.line(f"… and {len(changes.nodes) - len(shown):,} more (--all shows them)")
    for path in result.kept:
        page.line(Styled(f"{path} was changed by somebody else; it is kept.", "yellow"))


def _what(change: NodeChange) -> str:
    conf = change.conf
    if change.kind is not ChangeKind.CHANGED:
        return ", ".join(path.rpartition("/")[2] for path in change.files)
    if conf == ConfChange():
        return "comments or facts only"
    parts = [
        f"{word} {some_names(names)}"
        for word, names in (
            ("peer +", conf.peers_added),
            ("peer −", conf.peers_removed),
            ("peer ~", conf.peers_changed),
            ("renamed", conf.peers_renamed),
        )
        if names
    ]
    parts += [key.replace("_", " ") for key in conf.settings]
    if conf.routes:
        parts.append("routes")
    return "; ".join(parts)


def some_names(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4:,} more"


def _then(change: NodeChange, result: BuildResult) -> NextStep:
    node = result.plan.nodes.get(change.node)
    file = shlex.quote(str(result.workspace.file))
    wg = node.interface if node else result.plan.spec.network.interface
    script = _SCRIPTS.get(node.spec.platform) if node else None
    if change.action is RequiredAction.NOTHING:
        return NextStep("nothing to do")
    if script is not None and change.action is not RequiredAction.RETIRE:
        return NextStep(script)
    if change.action is RequiredAction.INSTALL and node is not None:
        if node.spec.platform in _PHONES:
            return NextStep("scan it:", (f"meshc qr {file} {_NAME}",))
        if node.spec.platform is Platform.LINUX:
            return NextStep("copy it to /etc/wireguard/ there, then", (f"wg-quick up {wg}",))
    if change.action is RequiredAction.SYNC:
        return NextStep(
            "copy it to /etc/wireguard/ there, then",
            (f"wg syncconf {wg} <(wg-quick strip {wg})", *_ip_routes(change.conf, wg)),
        )
    restarted = "copy it to /etc/wireguard/ there, between"
    return {
        RequiredAction.INSTALL: NextStep("import it there"),
        RequiredAction.RELOAD: NextStep(
            "copy it to /etc/wireguard/ there, then (a stock wg-quick takes down and up)",
            (f"meshc reload {wg}",),
        ),
        RequiredAction.RESTART: NextStep(restarted, (f"wg-quick down {wg}", f"wg-quick up {wg}")),
        RequiredAction.RESCAN: NextStep("scan it again:", (f"meshc qr {file} {_NAME}",)),
        RequiredAction.IMPORT: NextStep("import it again"),
        RequiredAction.RETIRE: NextStep("delete its file there, after", (f"wg-quick down {wg}",)),
    }[change.action]


def _ip_routes(conf: ConfChange, interface: str) -> Iterator[str]:
    """The commands beside `wg syncconf`, which changes no routes; too many of them are counted."""
    todo = [("replace", p) for p in conf.routes_added] + [("del", p) for p in conf.routes_removed]
    if len(todo) > ROUTES:
        yield f"meshc reload {interface}  # {len(todo):,} routes; --json lists them"
        return
    for word, prefix in todo:
        family = "-6 " if prefix.family == 6 else ""
        yield f"ip {family}route {word} {prefix} dev {interface}"


def _files(number: int) -> str:
    return f"{number:,} file{'' if number == 1 else 's'}"
