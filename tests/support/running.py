"""A lab that really runs, for the tests that are root."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from meshc.lab.lab_session import LabSession
from meshc.lab.lab_source import LabSource
from meshc.lab.probe.measure import Subject
from meshc.lab.world import lab_state
from meshc.lab.world.control import Lab, start_lab
from meshc.lab.world.keeper import HostFiles
from meshc.lab.world.layout import lay_out
from meshc.lab.world.layout_options import PLAIN, LayoutOptions
from meshc.lab.world.places import LabWorld
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Spec


@contextmanager
def running(
    spec: Spec, options: LayoutOptions = PLAIN, name: str = "test", **more: Any
) -> Iterator[tuple[Lab, LabWorld]]:
    """The world of a Spec without any engine; taken down afterwards whatever happens."""
    world = lay_out(spec, dict.fromkeys(spec.nodes, 51820), options)
    about = about_lab(f"{name}-{os.getpid()}", spec.nodes)
    machines: Mapping[str, HostFiles] = more.pop("machines", {})
    with start_lab(world, dict(machines), about=about, linked=True, **more) as lab:
        yield lab, world


@contextmanager
def without_engines(source: LabSource, name: str = "bare") -> Iterator[LabSession]:
    """A session whose nodes have no tunnel: what a probe finds there is about the world alone."""
    ports = {node: conf.listen_port for node, conf in source.confs.items()}
    world = lay_out(source.spec, ports)
    about = about_lab(f"{name}-{os.getpid()}", source.confs)
    with start_lab(world, {}, about=about, linked=True) as lab:
        yield LabSession(source, world, lab, {})


def outside(world: LabWorld) -> Subject:
    """Nodes under the addresses that others on the internet see them at."""
    seen = {
        name: {Prefix.host(address).family: address for address in found}
        for name, found in world.public.items()
    }
    return Subject(seen, {})


def about_lab(identity: str, nodes: Mapping[str, object]) -> dict[str, Any]:
    """What the state file of a test lab says."""
    return {
        "id": identity,
        "file": "/nowhere/mesh.yaml",
        "network": "test",
        "nodes": dict.fromkeys(nodes, "none"),
        "links": {name: [name, "eth0"] for name in nodes},
        "interface": "wg0",
        "build": "/nowhere",
    }


def processes_of(found: lab_state.LabState) -> list[int]:
    """Every process in the PID namespace of a lab, as the host numbers them."""
    wanted = os.stat(f"/proc/{found.pid}/ns/pid").st_ino
    return [pid for pid in _all_processes() if _namespace(pid) == wanted]


def alive(pids: list[int]) -> list[int]:
    """Those that still run (zombies do not)."""
    return [pid for pid in pids if lab_state.process_start(pid) >= 0]


def _all_processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _namespace(pid: int) -> int:
    try:
        return os.stat(f"/proc/{pid}/ns/pid").st_ino
    except OSError:
        return 0
