"""A node that lies, in every answer and every place of it, fails alone and moves no cursor."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from meshc.deploy import node_deployment
from meshc.deploy.protocol import NodeKey
from tests.support.fakenode import GOOD
from tests.support.lying_nodes import VERBS, LiedTo, lines


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LiedTo:
    for name in ("RETRY", "PATIENCE", "archive"):  # which it changes
        monkeypatch.setattr(node_deployment, name, getattr(node_deployment, name))
    return LiedTo(tmp_path)


@pytest.mark.parametrize("bare", [False, True], ids=["kernel", "bare"])
def test_a_node_that_lies_about_itself_is_planned_or_fails_alone(here: LiedTo, bare: bool) -> None:
    tried = 0
    for line in here.about_itself(bare=bare):
        here.plans(line)
        tried += 1
    assert tried > 1000


@pytest.mark.parametrize("verb", VERBS)
def test_a_node_that_lies_in_the_middle_fails_alone(here: LiedTo, verb: str) -> None:
    for line in lines(GOOD[verb]):
        here.rolls_out(verb, line)


@pytest.mark.parametrize("verb", ["retire", "make-key"])
def test_a_node_that_lies_at_its_end_or_about_its_key_fails_alone(here: LiedTo, verb: str) -> None:
    for line in lines(GOOD[verb] if verb == "retire" else NodeKey(True, "key")):
        here.asks_alone(verb, line)


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
