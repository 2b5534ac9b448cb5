"""`meshc explain`: the story of one pair."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from meshc.cli.completion import complete_nodes
from meshc.cli.failure import reported
from meshc.cli.topology_argument import TopologyCommand
from meshc.cli.views.page import say
from meshc.render.report.json import envelope

if TYPE_CHECKING:
    from meshc.prefixes import Prefix
    from meshc.topology.language.spec import Spec
    from meshc.topology.proof import Expectation
    from meshc.topology.proof.explanation import Explanation, HopSession, Leg, Speaker
    from meshc.topology.proof.network_model import NetworkModel

EPILOG = """\b
Example: meshc explain mesh.yaml phone home-server

Exit code: 0 packets arrive both ways, 1 they do not, 2 nothing to look at.
"""


@click.command(cls=TopologyCommand, epilog=EPILOG)
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path))
@click.argument("a", shell_complete=complete_nodes)
@click.argument("b", shell_complete=complete_nodes)
@click.option("--build", type=click.Path(path_type=Path), help="Default: `build` beside FILE.")
@click.option("--port", metavar="SERVICE", help="Of one service: tcp/443, udp/53, icmp.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@reported
def explain(
    file: Path, a: str, b: str, build: Path | None, port: str | None, as_json: bool
) -> None:
    """Say how packets get from A to B and back, by the files that were built from FILE.

    A and B may also be addresses: of hosts on a LAN behind a node; B also one in the internet.
    For each node on the way: the peer, the AllowedIPs entry that chose it, the rule that forwards.
    For each session: who can start it and who keeps it alive. And why the pair is not direct.
    """
    from meshc.build.verification import open_verification
    from meshc.diagnostics import Diagnostics
    from meshc.errors import StateError
    from meshc.topology.planner.links.mesh_graph import build_graph
    from meshc.topology.proof.explanation import explain as tell
    from meshc.topology.proof.explanation import explain_hosts
    from meshc.topology.proof.network_model import NetworkModel

    built = open_verification(file, build=build)
    hosts = {text: _host(text) for text in (a, b) if text not in built.spec.nodes}
    for name, host in hosts.items():
        if host is None:
            close = get_close_matches(name, built.spec.nodes, 1)
            hint = f"did you mean {close[0]}?" if close else "meshc build lists all nodes"
            raise StateError(f"{file} has no node {name!r}", hint=hint)
    network = NetworkModel.build(built.files(), built.expectation)
    a, b = (_owner(network, text, hosts.get(text)) for text in (a, b))
    if a == b:
        raise StateError("a node reaches itself without a network", hint="name two nodes")
    for name in (a, b):
        if name not in network.models and name in built.spec.nodes:
            raise StateError(f"the file of {name} cannot be read", hint="meshc verify says why")
    if port is not None:
        _explain_service(network, built.expectation, a, b, port, as_json)
    if a in network.models and b in network.models:
        graph = build_graph(built.spec, Diagnostics())
        story = tell(network, a, b, why_not=graph.why_not)
    else:
        story = explain_hosts(network, *_speakers(network, a, b))
    beside = _beside(built.spec, a, hosts.get(b))
    if as_json:
        click.echo(as_data(story, beside))
    else:
        say(as_text(story, beside))
    sys.exit(0 if story.works else 1)


def _beside(spec: Spec, a: str, target: Prefix | None) -> str:
    """Why the exit of a node is no way to an address, if the topology says so."""
    node = spec.nodes.get(a)
    if node is None or node.exit is None or target is None:
        return ""
    for prefix in node.exit_except:
        if prefix.contains(target):
            part = "" if prefix == target else f", as a part of {prefix}"
            return (
                f"exit_except of {a} leaves {target.address} out of its exit {node.exit}{part}: "
                f"{a} sends it beside the tunnel"
            )
    return ""


def _explain_service(
    network: NetworkModel, expectation: Expectation, a: str, b: str, port: str, as_json: bool
) -> NoReturn:
    from meshc.cli.views.service_view import service_data, service_text
    from meshc.errors import StateError
    from meshc.topology.language.schema.scalars import Mistake
    from meshc.topology.language.schema.value_kinds import ONE_SERVICE
    from meshc.topology.proof.service_explanation import explain_service

    try:
        service = ONE_SERVICE.read(port)
    except Mistake as mistake:
        raise StateError(mistake.message, hint=mistake.hint) from None
    story = explain_service(network, expectation.obligations.access, a, b, service)
    if as_json:
        click.echo(envelope(service_data(story)))
    else:
        say(service_text(story))
    sys.exit(0 if story.works else 1)


def _host(text: str) -> Prefix | None:
    """The address that was meant, if it is one."""
    from meshc.errors import PrefixFormatError
    from meshc.prefixes import Prefix

    try:
        return Prefix.host(text)
    except PrefixFormatError:
        return None


def _owner(network: NetworkModel, text: str, host: Prefix | None) -> str:
    """The name of the node that has this address, else what was written."""
    owner = None if host is None else network.at(host.family, host.value)
    return text if owner is None else owner.name


def _speakers(network: NetworkModel, a: str, b: str) -> tuple[Speaker, Speaker]:
    """Both ends, of which one at least is an address and no node. Raises: StateError."""
    from meshc.errors import StateError

    hosts = {text: host for text in (a, b) if (host := _host(text)) is not None}
    families = {host.family for host in hosts.values()}
    if len(families) > 1:
        raise StateError(f"{a} and {b} are addresses of two families", hint="name two of one")
    source, target = (_speaker(network, text, hosts.get(text), *families) for text in (a, b))
    if not source.node:
        hint = "list its network under `routes` of the node in front of it"
        raise StateError(f"{a} is no node's address, nor behind one", hint=hint)
    return source, target


def _speaker(network: NetworkModel, text: str, host: Prefix | None, family: int) -> Speaker:
    from meshc.errors import StateError
    from meshc.topology.proof.explanation import Speaker

    if host is None:
        own = network.model(text).address(family)
        if own is None:
            raise StateError(f"{text} has no IPv{family} address", hint="name another address")
        return Speaker(text, own, text)
    router = network.owner(host.family, host.value)
    return Speaker(text, host, "" if router is None else router.name)


def as_text(story: Explanation, beside: str = "") -> str:
    """The story in paragraphs."""
    lines = [_head(story)]
    if beside:
        lines.append(f"Not through the exit, because {beside}.")
    if story.why_not_direct:
        lines.append(f"Not direct, because {story.why_not_direct}.")
    if not story.legs:
        lines.append("They have no address family in common.")
    for leg in story.legs:
        lines += ["", *_leg_lines(leg)]
    if story.sessions:
        lines += ["", "Sessions"]
        lines += [line for session in story.sessions for line in _session_lines(session)]
    if story.works and story.mtu is not None:
        lines += ["", f"The largest packet that passes has {story.mtu} bytes."]
    return "\n".join(lines)


def _head(story: Explanation) -> str:
    """The answer in a sentence."""
    from meshc.topology.proof.policy_routing import RouteKind

    if not story.works:
        return f"{story.a} and {story.b} do not reach each other."
    first = story.legs[0].trace
    over = list(dict.fromkeys(first.path[1:-1]))
    who = story.a if first.path[0] == story.a else f"{story.a}, behind {first.path[0]},"
    between = f"over {', '.join(over)}" if over else ""
    if first.way is RouteKind.UPLINK:
        way = f", {between}" if between else ""
        return f"{who} reaches {story.b} through the exit {first.path[-1]}{way}."
    if first.way is RouteKind.LAN:
        way = f", {between}" if between else ""
        return f"{who} and {story.b}, behind {first.path[-1]}, reach each other{way}."
    how = "directly" if story.direct else between or "over nobody"
    return f"{who} and {story.b} reach each other {how}."


def _leg_lines(leg: Leg) -> list[str]:
    mark = "arrives" if leg.delivered else "is lost"
    head = f"{leg.source} → {leg.target} (IPv{leg.family}) {mark}"
    return [head, *(f"  {number}. {_in_words(line)}" for number, line in enumerate(leg.lines, 1))]


def _in_words(line: str) -> str:
    """Rules as a reader of iptables(8) knows them; the interface of the tunnel is `TUNNEL`."""
    from meshc.topology.proof.rule_words import rule_words

    return rule_words(line).replace(" %i ", " TUNNEL ")


def _session_lines(session: HopSession) -> list[str]:
    one, other = session.nodes
    if session.fault:
        return [f"  {one} ↔ {other}: {session.fault}"]
    starts = " and ".join(
        f"{who} starts it at {where}"
        for who, where in zip(session.starters, session.at, strict=True)
    )
    alive = ", ".join(f"{who} sends a keepalive every {n} s" for who, n in session.keepalive)
    secret = "with a pre-shared key" if session.preshared_key else "without a pre-shared key"
    parts = [part for part in (starts, alive or "no keepalive is needed", secret) if part]
    return [f"  {one} ↔ {other}: {'; '.join(parts)}"]


def as_data(story: Explanation, beside: str = "") -> str:
    """The same as one JSON object."""
    data = {
        "a": story.a,
        "b": story.b,
        "works": story.works,
        "direct": story.direct,
        "why_not_direct": story.why_not_direct,
        "beside_the_exit": beside or None,
        "mtu": story.mtu,
        "legs": [
            {
                "from": leg.source,
                "to": leg.target,
                "family": leg.family,
                "delivered": leg.delivered,
                "path": list(leg.trace.path),
                "drop": leg.trace.drop.text if leg.trace.drop else None,
                "hops": [
                    {
                        "node": hop.node,
                        "peer": hop.peer or None,
                        "match": str(hop.match) if hop.match else None,
                        "accepted": str(hop.accepted) if hop.accepted else None,
                        "rule": hop.rule or None,
                    }
                    for hop in leg.trace.hops
                ],
            }
            for leg in story.legs
        ],
        "sessions": [
            {
                "nodes": list(session.nodes),
                "starters": list(session.starters),
                "at": list(session.at),
                "keepalive": dict(session.keepalive),
                "preshared_key": session.preshared_key,
                "fault": session.fault or None,
            }
            for session in story.sessions
        ],
    }
    return envelope(data)
