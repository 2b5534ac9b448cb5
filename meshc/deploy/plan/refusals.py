"""Why a node cannot be deployed as it is: facts in, findings out, before anything is changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshc.deploy.plan.difference import Difference
from meshc.deploy.plan.target import Target
from meshc.deploy.protocol import Facts, Supervisor
from meshc.diagnostics import Diagnostic
from meshc.render.report.text import visible

_PYTHON = (3, 8)
_FORWARDERS = {4: "iptables", 6: "ip6tables"}
_MOST_NAMES = 5
_MOST_LETTERS = 100
_SPARE = 128 << 10  # bytes beside the files themselves: the program, the state


def refusals(target: Target, facts: Facts, found: Difference) -> list[Diagnostic]:
    """Errors (E70x) and, for drift, a warning; empty when nothing is in the way."""
    if facts.uid != 0:
        return [_rights(target)]
    return [
        *_pending(target, facts),
        *_tools(target, facts, found),
        *_room(target, facts, found),
        *_foreign(target, facts),
        *_newer(target, facts, found),
        *_drift(target, found),
    ]


def _at(target: Target, code: str, message: str, hint: str, *lines: str) -> Diagnostic:
    spec = target.plan.spec
    return Diagnostic(
        code, f"{spec.name}: {message}", spec.at("deploy"), f"nodes.{spec.name}", hint, lines
    )


def _rights(target: Target) -> Diagnostic:
    return _at(
        target,
        "E702",
        "the login user is not root",
        f"set `become: true` in nodes.{target.name}.deploy, or `user: root`.",
    )


def _pending(target: Target, facts: Facts) -> Iterator[Diagnostic]:
    if facts.pending is not None and facts.pending.watched:
        yield _at(
            target,
            "E707",
            "a deploy is under way that nobody has confirmed yet",
            f"wait {facts.pending.seconds} s; then the node has put back what ran before "
            "(`deploy --resume` waits).",
        )


def _tools(target: Target, facts: Facts, found: Difference) -> Iterator[Diagnostic]:
    if facts.python < _PYTHON:
        yield _at(
            target,
            "E703",
            f"its python3 is {'.'.join(map(str, facts.python))}, 3.8 or later is needed there",
            "install a newer one; it must be the first python3 on the PATH of a login.",
        )
    elif found.choice and found.choice.lacks:
        missing = ", ".join(found.choice.lacks)
        yield _at(
            target,
            "E703",
            f"{found.choice.supervisor.value} is to bring it up, but {missing} is missing there",
            "install it on the node (wireguard-tools; wireguard-go needs no meshc), or choose "
            "another deploy.engine or deploy.supervisor.",
        )
    elif _sets_dns(target, found) and "resolvconf" not in facts.tools:
        yield _at(
            target,
            "E703",
            "its file sets DNS, for which wg-quick needs resolvconf, and that is missing there",
            "install it on the node (openresolv, or systemd-resolved's resolvconf), or set "
            "deploy.supervisor to `systemd` or `meshc`, which need none.",
        )
    forwarding = target.plan.forwarding
    if forwarding.needed:
        wanted = [_FORWARDERS[family] for family in forwarding.families]
        missing = ", ".join(tool for tool in wanted if tool not in facts.tools)
        if missing:
            yield _at(
                target,
                "E704",
                f"it forwards for others, but has no {missing}",
                "install iptables on the node.",
            )


def _sets_dns(target: Target, found: Difference) -> bool:
    """By wg-quick."""
    supervisor = found.choice.supervisor if found.choice else None
    by_wg_quick = supervisor in (Supervisor.WG_QUICK, Supervisor.WG_QUICK_UNIT)
    return by_wg_quick and bool(target.values.dns or target.values.search)


def _room(target: Target, facts: Facts, found: Difference) -> Iterator[Diagnostic]:
    if not (found or found.adopt):
        return
    needed = 2 * len(target.conf) + len(target.node_json) + _SPARE
    places = [(facts.conf_dir, needed), (facts.state_dir, needed)]
    meshc = found.choice.meshc if found.choice else None
    if meshc is not None and not meshc.there:
        places.append((facts.meshc.place, meshc.size * 5 // 4))  # and compiled
    for place, needed in places:
        if not place.writable:
            yield _at(
                target,
                "E705",
                f"{place.path} is not writable there",
                "is its file system mounted read-only? Mount it writable and deploy again.",
            )
        elif place.free < needed:
            yield _at(
                target,
                "E705",
                f"{place.path} has {place.free:,} bytes free, {needed:,} are needed",
                "make room there and deploy again.",
            )


def _foreign(target: Target, facts: Facts) -> Iterator[Diagnostic]:
    if facts.running.up and not facts.sha:
        yield _at(
            target,
            "E706",
            f"{target.plan.interface} runs there, but not from a file below /etc/wireguard",
            "take it down on the node, or choose another name for `interface`.",
        )


def cuts(
    target: Target, found: Difference, gone: Iterable[str], outside: bool
) -> Iterator[Diagnostic]:
    """Both ends must change in one moment. `gone` are cut off and do not change with this node;
    `outside`: some node of those that cut is reached from outside of the tunnels."""
    names = sorted(gone)
    if names:
        told = ", ".join(names[:_MOST_NAMES]) + (", ..." if len(names) > _MOST_NAMES else "")
        yield _at(
            target,
            "E708",
            f"this change cuts the way to {told}, which leads through the tunnels",
            f"deploy {names[0]} with the same command, so that both ends change in one moment; "
            f"or set its deploy.host to an address outside of the network.",
            *found.changes,
        )
    elif not outside:
        yield _at(
            target,
            "E708",
            "this change cuts the way to every node that it concerns: all lead through the tunnels",
            "set deploy.host of a relay to an address outside of the network, or deploy from it.",
            *found.changes,
        )


def _newer(target: Target, facts: Facts, found: Difference) -> Iterator[Diagnostic]:
    """What a colleague deployed from another checkout, which this one does not follow."""
    mark = facts.mark
    if mark is None or target.known is None or mark.build in target.known or not found:
        return
    by = visible(mark.by[:_MOST_LETTERS])
    yield _at(
        target,
        "E709",
        f"it runs build {mark.serial} of {by}, which this checkout does not know; that would be "
        "undone",
        "get the topology of that deploy first (git pull), and commit mesh.deploys after each; or "
        "deploy with --undo-newer if that is meant.",
        *found.changes,
    )


def _drift(target: Target, found: Difference) -> Iterator[Diagnostic]:
    if found.drift:
        yield _at(
            target,
            "W710",
            "its file was changed by somebody else",
            "deploy with --overwrite-drift to replace it; it stays beside the new file.",
            *found.drift,
        )
