"""From a built topology to a running lab: the world is laid out, built, and its nodes are up."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from meshc.errors import NodeError
from meshc.lab.forked import PRELOAD
from meshc.lab.lab_source import APPS, LabSource
from meshc.lab.node_jobs import MESHC, BringUp, RaisedNode, TakeDown, engine_of
from meshc.lab.world import lab_state
from meshc.lab.world.control import Lab, start_lab
from meshc.lab.world.jobs import PlacedJob
from meshc.lab.world.layout import lay_out
from meshc.lab.world.layout_options import PLAIN, LayoutOptions
from meshc.lab.world.places import LabWorld
from meshc.topology.language.spec import FirewallTool
from meshc.values import dataclass, field

Tell = Callable[[str], None]


@dataclass(slots=True)
class LabSession:
    """A lab with its nodes. `engines` is what runs each node, `runner` who brings it up, `seconds`
    how long stages took; with `agents` those run that the files ask for."""

    source: LabSource
    world: LabWorld
    lab: Lab
    engines: dict[str, str]
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    runner: str = MESHC
    agents: bool = False

    def up_job(self, name: str) -> PlacedJob[RaisedNode]:
        interface = self.source.interface
        spec = self.source.spec.nodes[name]
        job = BringUp(
            interface,
            self.engines[name],
            self.runner,
            app=spec.platform in APPS,
            agent=self.agents and self.source.keeps_paths(name),
            nftables=spec.firewall is FirewallTool.NFTABLES,
        )
        return PlacedJob(name, job)

    def down_job(self, name: str) -> PlacedJob[tuple[str, ...]]:
        return PlacedJob(name, TakeDown(self.source.interface, self.runner))


def open_session(
    source: LabSource,
    *,
    engine: str = "bundled",
    runner: str = MESHC,
    options: LayoutOptions = PLAIN,
    identity: str = "",
    linked: bool = True,
    agents: bool = False,
    tell: Tell = lambda _: None,
) -> LabSession:
    """Builds the lab of a topology and brings every node up.

    `linked` ends the lab with this process. Raises: NodeError when a node does not come up (the
    lab is gone then); StateError.
    """
    begun = time.monotonic()
    world = lay_out(source.spec, ports_of(source), options)
    world = replace(world, name_servers={**world.name_servers, **serving_nodes(source)})
    engines = {name: engine_of(engine, number) for number, name in enumerate(sorted(source.confs))}
    about: dict[str, Any] = {
        "id": identity or ephemeral_id(source.file, source.spec.network.name),
        "file": str(source.file.resolve()),
        "network": source.spec.network.name,
        "nodes": engines,
        "links": links_of(world, engines, source.interface),
        "interface": source.interface,
        "build": str(source.build.resolve()),
    }
    lab = start_lab(
        world, dict(source.files), about=about, linked=linked, preload=PRELOAD, progress=tell
    )
    session = LabSession(
        source,
        world,
        lab,
        engines,
        [*lab.remarks, *source.notes],
        runner=runner,
        agents=agents,
    )
    session.seconds["world"] = time.monotonic() - begun
    try:
        bring_nodes_up(session, tell)
    except BaseException:
        lab.down()
        raise
    session.seconds["up"] = time.monotonic() - begun
    return session


def bring_nodes_up(session: LabSession, tell: Tell = lambda _: None) -> None:
    """Nodes with an endpoint first: the others find somebody to shake hands with at once.
    Raises: NodeError that names every node that does not come up."""
    spec = session.source.spec
    public = [name for name in session.engines if spec.nodes[name].endpoints]
    others = [name for name in session.engines if name not in public]
    done, failed = 0, []
    for names in (public, others):
        jobs = [session.up_job(name) for name in names]
        for outcome in session.lab.run(jobs, parallel=os.cpu_count() or 2, timeout=120):
            done += 1
            tell(f"nodes up: {done} of {len(session.engines)}")
            if outcome.error:
                failed.append(f"{outcome.place}: {outcome.error}")
            else:
                session.engines[outcome.place] = outcome.value.engine
                session.notes += [f"{outcome.place}: {note}" for note in outcome.value.notes]
    if failed:
        raise NodeError("; ".join(failed[:3]) + (" ..." if len(failed) > 3 else ""))


def ports_of(source: LabSource) -> dict[str, int | None]:
    """The port of each node that the world knows: routers forward to the one of the topology, even
    where a file says another."""
    nodes = source.spec.nodes
    return {
        name: nodes[name].listen_port or conf.listen_port for name, conf in source.confs.items()
    }


def serving_nodes(source: LabSource) -> dict[str, tuple[str, ...]]:
    """Nodes that files name as a name server, with the addresses; an app on a phone serves none."""
    asked = {server for conf in source.confs.values() for server in conf.dns}
    return {
        name: tuple(own)
        for name in source.confs
        if source.spec.nodes[name].platform not in APPS
        and (own := [a for a in source.addresses(name).values() if a in asked])
    }


def links_of(world: LabWorld, nodes: Iterable[str], interface: str) -> dict[str, list[str]]:
    """Every link by the name that `lab capture` takes: cables at the end away from the internet,
    and each node's tunnel as NODE:INTERFACE."""
    found = {cable.name: list(cable.right) for cable in world.cables}
    return found | {f"{name}:{interface}": [name, interface] for name in nodes}


def ephemeral_id(file: Path, network: str) -> str:
    """For a lab that lives as long as this process: never in the way of another."""
    return f"{lab_state.lab_id(file, network)}-{os.getpid()}"
