"""A node that lies, in every answer and every place of it, fails alone and moves no cursor."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from meshc.cli.views.deploy_view import outcomes_as_json, plan_as_json, print_outcomes, print_plan
from meshc.deploy import node_deployment
from meshc.deploy.bundle import Archive
from meshc.deploy.deploy_journal import DeployedNode, DeployJournal
from meshc.deploy.end_check import measured
from meshc.deploy.plan.surroundings import Surroundings
from meshc.deploy.plan.survey import survey
from meshc.deploy.protocol import Failure, MakeKey, NodeKey, Retire, Verified
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


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_deployment, "RETRY", 0.001)
    monkeypatch.setattr(node_deployment, "PATIENCE", 0.01)


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


@pytest.mark.parametrize("bare", [False, True], ids=["kernel", "bare"])
def test_a_node_that_lies_about_itself_is_planned_or_fails_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bare: bool
) -> None:
    targets = mesh(tmp_path)
    here = deployed(targets["leaf"], kernel=not bare, meshc=FACTS.meshc)
    both = [targets["leaf"], targets["hub"]]
    tried = 0
    for line in lines(here):
        nodes = FakeNodes({("leaf", "facts"): line})
        found = asyncio.run(survey(both, nodes, lambda *_: None))
        assert found[1].facts is not None
        print_plan(found)
        plan_as_json(found)
        said = capsys.readouterr()
        assert harmless(said.out), line[:200]
        assert harmless(said.err), line[:200]
        assert len(said.out) + len(said.err) < 100_000
        tried += 1
    assert tried > 1000


@pytest.mark.parametrize("verb", VERBS)
def test_a_node_that_lies_in_the_middle_fails_alone(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
) -> None:
    """The leaves are deployed side by side: what one says changes nothing for the other."""
    targets = mesh(tmp_path, more="  other: {deploy: {host: other}}\n")
    both = [targets["leaf"], targets["other"]]
    facts = FACTS
    if verb == "adopt":
        facts = deployed(targets["other"], deployed_sha="")
    if verb == "install":  # what is packed is no matter here
        facts = replace(FACTS, kernel=False)
        monkeypatch.setattr(node_deployment, "archive", lambda **_: Archive(b"packed", "0" * 64))
    # the request to go back comes after a check that failed
    before = {("other", "verify"): UNSEEN} if verb == "roll-back" else {}
    for line in lines(GOOD[verb]):
        nodes = FakeNodes({**before, ("other", verb): line, ("other", "facts"): facts})
        found = asyncio.run(survey(both, nodes, lambda *_: None))
        ends = asyncio.run(roll_out(found, nodes, lambda *_: None, window=5))
        assert ends[0].good, (line[:200], ends[0])
        assert not (before and ends[1].good), line[:200]
        traffic = asyncio.run(measured(found, ends, nodes, lambda *_: None, parallel=2))
        print_outcomes(ends, traffic)
        outcomes_as_json(found, ends, traffic, AROUND)
        assert harmless(capsys.readouterr().out), line[:200]


@pytest.mark.parametrize("verb", ["retire", "make-key"])
def test_a_node_that_lies_at_its_end_or_about_its_key_fails_alone(
    capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    request: Any = Retire() if verb == "retire" else MakeKey("/x")
    good = GOOD[verb] if verb == "retire" else NodeKey(True, "key")
    for line in lines(good):
        nodes = FakeNodes({("old", verb): line})
        if verb == "retire":
            (end,) = asyncio.run(take_down(JOURNAL, ["old"], nodes, lambda *_: None, parallel=1))
            print_outcomes([end], [])
            assert harmless(capsys.readouterr().out), line[:200]
        else:
            assert isinstance(_called(nodes, request), (NodeKey, NodeError)), line[:200]


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


FLOODS = [
    "while True: sys.stdout.write('x' * 1000000)",
    "while True: sys.stderr.write('x' * 1000000)",
    """print('{"answer": [' + '[],' * 1000000 + '[]]}')""",
    """print('{"answer": ' + '[' * 3000000)""",
    """print('{' + ','.join('"%d": {}' % i for i in range(300000)) + '}')""",
]
LARGE = """
import asyncio, json, sys
from meshc.deploy.connect.node_session import NodeSession
from meshc.deploy.connect.transport import LocalTransport
from meshc.deploy.protocol import AskFacts
from meshc.errors import NodeError

for flood in json.loads(sys.argv[1]):
    session = NodeSession(LocalTransport("hub"), "wg0")
    session._argv = lambda *_: (sys.executable, "-c", "import sys\\n" + flood)
    try:
        asyncio.run(session.call(AskFacts(""), timeout=150))
    except NodeError as error:
        assert len(str(error)) < 2000
        assert any(word in str(error) for word in ("says more than", "is no answer")), str(error)
    else:
        raise SystemExit("it was an answer")
# not ru_maxrss: it begins with the memory of the process that started this one
(peak,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM:")]
print(peak.split()[1])
"""


def test_no_answer_takes_the_memory_of_the_controller() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LARGE, json.dumps(FLOODS)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) < 200 << 10
