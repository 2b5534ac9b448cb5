"""What a node shall have: its emitted files, read once, and the way to it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from meshc.build.reader import open_build
from meshc.deploy.deploy_journal import DeployJournal, build_of, operator, read_journal
from meshc.deploy.plan.inside_ways import Hosts, reached_inside, this_machine
from meshc.deploy.plan.selection import selected
from meshc.deploy.protocol import BuildMark
from meshc.errors import StateError
from meshc.prefixes import Prefix
from meshc.secret import SecretText
from meshc.topology.language.spec import Deploy, Platform
from meshc.topology.planner.mesh_plan import MeshPlan, NodePlan
from meshc.wg.conf import Conf, parse

if TYPE_CHECKING:
    from meshc.build.pipeline import BuildComparison


_PHONES = (Platform.IOS, Platform.ANDROID)


@dataclass(frozen=True)
class Target:
    """One node to deploy to. `conf` is its wg-quick file with its keys, and never shown; `inside`
    maps the public keys of its peers to an address of each in the tunnel, `phones` are those peers
    that read their file from a code, `relays` those that forward; `behind` are the nodes of the
    whole network, this one left out, to which the way leads through the tunnels, `accepted` the
    sources that each of them takes packets from, and `reached_inside` says whether the way to this
    one leads there. `mark` is that of the build, and `known` are the builds that this checkout
    follows (None: it cannot tell); `old_way` is how it was reached for the last deploy, where
    that was another way."""

    plan: NodePlan
    conf: SecretText
    node_json: str = "{}"
    inside: Mapping[str, str] = field(default_factory=dict)
    phones: frozenset[str] = frozenset()
    relays: frozenset[str] = frozenset()
    behind: frozenset[str] = frozenset()
    accepted: Mapping[str, tuple[Prefix, ...]] = field(default_factory=dict)
    reached_inside: bool = False
    mark: BuildMark | None = None
    known: frozenset[str] | None = None
    old_way: Deploy | None = None

    @property
    def name(self) -> str:
        return self.plan.name

    @cached_property
    def sha(self) -> str:
        return hashlib.sha256(self.conf.reveal().encode()).hexdigest()

    @cached_property
    def values(self) -> Conf:
        """What its file says. The keys in it are not for showing."""
        return parse(self.conf.reveal())

    @property
    def host(self) -> str:
        """Where SSH reaches it; empty when it is only ever deployed on itself."""
        return self.plan.spec.deploy.host or ""


def targets(
    result: BuildComparison,
    names: Iterable[str] = (),
    *,
    left_out: Iterable[str] = (),
    local: bool = False,
    undo_newer: bool = False,
    hosts: Hosts = lambda spec: (spec.deploy.host or "",),
) -> list[Target]:
    """The targets that `names` mean (nodes, groups, sites) but for those that are `left_out`;
    without names all nodes that say how they are reached.

    `result` compares the plan with the build that is there. `local`: the nodes named are this
    machine. `hosts` are those on the way to a node. `undo_newer`: what runs there may be a build
    that this checkout does not follow.
    Raises: StateError when the build is not that of the topology, or a node cannot be deployed.
    """
    if any(change.files for change in result.changes.nodes) or result.changes.files:
        raise StateError(
            f"{result.out} is not the build of {result.workspace.file} as it is now",
            hint=f"build it and look at the changes first: meshc build {result.workspace.file}",
        )
    chosen = selected(result.plan.spec, names, left_out)
    if not chosen:
        raise StateError(
            "no node says how it is reached",
            hint="give nodes a `deploy: {host: ...}`, or name one with --local",
        )
    for name in chosen:
        _check(result, name, local=local)
    inside = reached_inside(result.plan, hosts)
    # this machine is one end of the way to them, where it is a node itself
    behind = inside | this_machine(result.plan) if inside else inside
    build, _ = build_of(open_build(result.out, file=result.workspace.file))
    journal = read_journal(result.workspace.file)
    mark = BuildMark((journal or DeployJournal()).number(build), build, operator())
    known = None if journal is None or undo_newer else frozenset((*journal.builds, build))
    ways = _old_ways(result.plan, journal)
    return [
        replace(
            _read(result, result.plan.nodes[name], behind),
            reached_inside=name in inside,
            mark=mark,
            known=known,
            old_way=ways.get(name),
        )
        for name in chosen
    ]


def _old_ways(plan: MeshPlan, journal: DeployJournal | None) -> dict[str, Deploy]:
    """Of the nodes that are to be reached in another way than before: it may be that of this very
    deploy. Not where another node is there by now."""
    taken = {node.spec.deploy.host for node in plan.nodes.values()}
    taken |= {address.address for node in plan.nodes.values() for address in node.addresses}
    known = journal.nodes if journal else {}
    return {
        name: known[name].deploy
        for name, node in plan.nodes.items()
        if name in known
        and known[name].deploy.host
        and known[name].deploy.host != node.spec.deploy.host
        and known[name].deploy.host not in taken
    }


def _check(result: BuildComparison, name: str, *, local: bool) -> None:
    node = result.plan.nodes[name]
    if not node.spec.managed:
        raise StateError(f"{name} is not managed: somebody else configures it")
    if node.spec.platform is not Platform.LINUX:
        raise StateError(
            f"{name} is {node.spec.platform.value}, which meshc does not log in to",
            hint=f"show its code with: meshc qr {result.workspace.file} {name}",
        )
    if not node.spec.deploy.host and not local:
        raise StateError(
            f"{name} does not say how it is reached",
            hint=f"give it `deploy: {{host: ...}}`, or run `meshc deploy --local` on {name} itself",
        )


def _read(result: BuildComparison, node: NodePlan, behind: frozenset[str]) -> Target:
    built = open_build(result.out, file=result.workspace.file).node(node.name)
    peers = [result.plan.nodes[peer.name] for peer in node.peers]
    return Target(
        node,
        built.text(),
        (built.facts or b"{}").decode(),
        inside={str(p.public_key): p.addresses[0].address for p in peers if p.addresses},
        phones=frozenset(p.name for p in peers if p.spec.platform in _PHONES and p.spec.managed),
        relays=frozenset(p.name for p in peers if p.spec.is_relay),
        behind=behind - {node.name},
        accepted={
            name: _accepted(result.plan.nodes[name], node.name) for name in behind - {node.name}
        },
    )


def _accepted(node: NodePlan, sender: str) -> tuple[Prefix, ...]:
    """What it takes from a peer, or from anybody where that is no peer of its own."""
    peers = [peer for peer in node.peers if peer.name == sender] or node.peers
    return tuple(prefix for peer in peers for prefix in peer.allowed_ips)
