"""The registry of jobs: everything that may be run in a lab, and how a request names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshc.lab.agent_jobs import AwaitPaths, KillNode, ReadPairs
from meshc.lab.commands import AwaitListener, RunCommand
from meshc.lab.node_jobs import BringUp, ForgetCallers, ReadNode, TakeDown
from meshc.lab.probe.leaks import WatchLeaks
from meshc.lab.probe.lies import TellLies, WatchLies
from meshc.lab.probe.listening import OpenPorts
from meshc.lab.probe.lookup import Lookup
from meshc.lab.probe.ping import Ping
from meshc.lab.probe.ping_stream import WatchPings
from meshc.lab.probe.port_trial import TryPorts
from meshc.lab.probe.stun import ClassifyNat
from meshc.lab.probe.tcp import Greet
from meshc.lab.world.jobs import Job, JobOutcome, PlacedJob, answer_type
from meshc.lab.world.router_jobs import ForgetMappings, LoadRules, MoveAddress, RouteAddress
from meshc.lab.world.value_json import from_json, to_json

_KINDS: tuple[type[Job[Any]], ...] = (
    AwaitListener,
    AwaitPaths,
    BringUp,
    ClassifyNat,
    ForgetCallers,
    ForgetMappings,
    Greet,
    KillNode,
    LoadRules,
    Lookup,
    MoveAddress,
    OpenPorts,
    Ping,
    ReadNode,
    ReadPairs,
    RouteAddress,
    RunCommand,
    TakeDown,
    TellLies,
    TryPorts,
    WatchLeaks,
    WatchLies,
    WatchPings,
)
JOB_KINDS: Mapping[str, type[Job[Any]]] = {kind.__name__: kind for kind in _KINDS}


def write_job(placed: PlacedJob[Any]) -> dict[str, Any]:
    """The request for one job. Raises: ValueError for a job that is not registered."""
    kind = type(placed.job)
    if JOB_KINDS.get(kind.__name__) is not kind:
        raise ValueError(f"{kind.__name__} is not a registered job")
    return {"place": placed.place, "kind": kind.__name__, "job": to_json(placed.job)}


def read_job(request: Mapping[str, Any]) -> PlacedJob[Any]:
    """The job of a request. Raises: ValueError for what is not registered, or not such a job."""
    kind = JOB_KINDS.get(request["kind"])
    if kind is None:
        raise ValueError(f"{request['kind']!r} is not a registered job")
    return PlacedJob(request["place"], from_json(kind, request["job"]))


def read_outcome(placed: PlacedJob[Any], told: Mapping[str, Any]) -> JobOutcome[Any]:
    """An outcome whose answer is of the type that the job promises."""
    error, answer = told["error"], told["answer"]
    if not error:
        answer = from_json(answer_type(type(placed.job)), answer)
    return JobOutcome(told["number"], told["place"], answer, error)
