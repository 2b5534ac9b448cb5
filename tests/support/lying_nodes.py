"""Nodes that lie: every place of every answer with every hostile value in it, and what a controller
then says, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from meshc.cli.views.deploy_view import outcomes_as_json, plan_as_json, print_outcomes, print_plan
from meshc.cli.views.doctor_view import examined, examined_as_json, print_examined
from meshc.deploy import node_deployment
from meshc.deploy.bundle import Archive
from meshc.deploy.deploy_journal import DeployedNode, DeployJournal
from meshc.deploy.end_check import measured
from meshc.deploy.machine_facts import (
    Drift,
    ForeignDrop,
    ForeignRoute,
    MachineFacts,
    Mending,
)
from meshc.deploy.plan.surroundings import Surroundings
from meshc.deploy.plan.survey import survey
from meshc.deploy.protocol import Failure, MakeKey, NodeKey, Verified
from meshc.deploy.protocol_json import plain
from meshc.deploy.retirement import take_down
from meshc.deploy.rollout import roll_out
from meshc.errors import NodeError
from meshc.topology.language.spec import Deploy
from tests.support.deploys import deployed, mesh
from tests.support.fakenode import FACTS, GOOD, FakeNodes

ESCAPES = "\x1b[2J\x1b]0;title\x07\x1b]52;c;AAAA\x07\x1b]8;;http://x\x07\u202e\x9b2J\r\n::error::x"
HOSTILE: list[Any] = [
    *(ESCAPES, "", "x" * 4_000, "\x00", "..", "1.2.x", "²", "[Interface]\nAddress = x\n"),
    *("[Peer]\nAllowedIPs = 0.0.0.0/99\n", f"[Interface]\n# {ESCAPES}\n[Peer]\n# {ESCAPES}\n"),
    *(-1, 0, 2**62, 10**400, 1.5, None, True, [], {}, [[]], {"": ""}, {ESCAPES: ESCAPES}),
    *([ESCAPES], ["x"] * 500, [None]),
]
assert len(HOSTILE) >= 25
JOURNAL = DeployJournal(nodes={"old": DeployedNode("wg0", Deploy(host="old"))})
AROUND = Surroundings(JOURNAL, "", {})
UNSEEN = Verified(False, False, False, "", (), ())
VERBS = ("roll-back", "install", "stage", "commit-confirmed", "verify", "confirm", "adopt", "peers")


MACHINE = MachineFacts(
    time=1,
    ipv6=False,
    holder="somebody",
    drops=(ForeignDrop("a", "b", "c", "d"),),
    routes=(ForeignRoute("172.16.0.0/12", "tun0"),),
    path_mtu={"198.51.100.7": 1000},
    closed=("/proc/sys/net/ipv4/ip_forward",),
    tunnels={"tun0": "tun"},
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value[:3]):
            yield from places(item, (*path, index))


def put(value: Any, path: tuple[Any, ...], hostile: Any) -> Any:
    if not path:
        return hostile
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(value[path[0]], path[1:], hostile)
    return copy


def lines(answer: Any) -> Iterator[bytes]:
    """Every place of an answer with every hostile value in it."""
    whole = plain(answer)
    for path in places(whole):
        for value in HOSTILE:
            yield json.dumps({"answer": put(whole, path, value)}).encode() + b"\n"
    failure = plain(Failure("message", "hint"))
    for path in places(failure):
        for value in HOSTILE:
            yield json.dumps({"failure": put(failure, path, value)}).encode() + b"\n"


def harmless(said: str) -> bool:
    return all(char.isprintable() or char == "\n" for char in said) and "\n::" not in said


class LiedTo:
    """A controller with a small network, each of whose nodes may lie. An AssertionError is a
    promise that was not kept."""

    def __init__(self, directory: Path) -> None:
        node_deployment.RETRY, node_deployment.PATIENCE = 0.001, 0.01
        self.targets = mesh(directory, more="  other: {deploy: {host: other}}\n")

    def about_itself(self, *, bare: bool) -> Iterator[bytes]:
        """Every lie of a node about itself."""
        here = deployed(self.targets["leaf"], kernel=not bare, meshc=FACTS.meshc, machine=MACHINE)
        drift = (Drift(Mending.ALL, "MTU", "10.0.0.0/8"),)
        yield from lines(replace(here, running=replace(here.running, drift=drift)))

    def plans(self, line: bytes) -> None:
        """It is planned, or fails alone."""
        nodes = FakeNodes({("leaf", "facts"): line})
        both = [self.targets["leaf"], self.targets["hub"]]
        found = asyncio.run(survey(both, nodes, lambda *_: None))
        assert found[1].facts is not None
        with _said(line, 100_000):
            print_plan(found)
            plan_as_json(found)
            print_examined(examined(found))
            examined_as_json(examined(found))

    def rolls_out(self, verb: str, line: bytes) -> None:
        """The leaves are deployed side by side: what one says changes nothing for the other."""
        facts = FACTS
        if verb == "adopt":
            facts = deployed(self.targets["other"], deployed_sha="")
        if verb == "install":  # what is packed is no matter here
            facts = replace(FACTS, kernel=False)
            node_deployment.archive = lambda **_: Archive(b"packed", "0" * 64)
        # the request to go back comes after a check that failed
        before = {("other", "verify"): UNSEEN} if verb == "roll-back" else {}
        nodes = FakeNodes({**before, ("other", verb): line, ("other", "facts"): facts})
        both = [self.targets["leaf"], self.targets["other"]]
        found = asyncio.run(survey(both, nodes, lambda *_: None))
        ends = asyncio.run(roll_out(found, nodes, lambda *_: None, window=5))
        assert ends[0].good, (line[:200], ends[0])
        assert not (before and ends[1].good), line[:200]
        traffic = asyncio.run(measured(found, ends, nodes, lambda *_: None, parallel=2))
        with _said(line):
            print_outcomes(ends, traffic)
            outcomes_as_json(found, ends, traffic, AROUND)

    def asks_alone(self, verb: str, line: bytes) -> None:
        """At the end of a node, or of its key."""
        nodes = FakeNodes({("old", verb): line})
        if verb == "retire":
            (end,) = asyncio.run(take_down(JOURNAL, ["old"], nodes, lambda *_: None, parallel=1))
            with _said(line):
                print_outcomes([end], [])
        else:
            assert isinstance(_called(nodes, MakeKey("/x")), (NodeKey, NodeError)), line[:200]


def whole_run(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Every request and every lie in its answer, each told to a controller."""
    here = LiedTo(directory)
    for bare in (False, True):
        for line in here.about_itself(bare=bare):
            here.plans(line)
            yield "facts", line
    for verb in VERBS:
        for line in lines(GOOD[verb]):
            here.rolls_out(verb, line)
            yield verb, line
    for verb, good in (("retire", GOOD["retire"]), ("make-key", NodeKey(True, "key"))):
        for line in lines(good):
            here.asks_alone(verb, line)
            yield verb, line


@contextlib.contextmanager
def _said(line: bytes, limit: int = 1 << 30) -> Iterator[None]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        yield
    assert harmless(out.getvalue()), line[:200]
    assert len(out.getvalue()) < limit


def _called(nodes: FakeNodes, request: Any) -> Any:
    """The answer, or the only kind of error that there may be."""

    async def call() -> Any:
        plan: Any = SimpleNamespace(interface="wg0")
        session = await nodes(SimpleNamespace(name="old", plan=plan))  # type: ignore[arg-type]
        return await session.call(request)

    try:
        return asyncio.run(call())
    except NodeError as error:
        return error
