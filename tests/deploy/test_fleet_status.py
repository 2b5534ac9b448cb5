"""The fleet: each node as it says it does, and who cannot be asked as the others see it."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.deploy.connect.node_session import NodeSession
from meshc.deploy.connect.transport import Result, TransportError
from meshc.deploy.fleet_status import AT_ONCE, FleetStatus, ask_fleet, read_view
from meshc.deploy.plan.target import Target
from meshc.errors import NodeError
from meshc.topology.language.spec import Deploy
from meshc.wg.endpoint import Endpoint
from tests.support import specs


def peer(name: str, health: str = "live", at: str = "198.51.100.7:4000") -> dict[str, Any]:
    return {"name": name, "health": health, "handshake": 12.0, "endpoint": at}


def said(*peers: dict[str, Any], **more: Any) -> bytes:
    """As `meshc status wg0 --json` prints it, behind what a login script says."""
    one = {"up": True, "peers": list(peers), "problems": [], "drift": [], "paths": None, **more}
    return b"motd\n" + json.dumps({"version": 1, "interfaces": [one], "findings": []}).encode()


class Machine:
    """A node that answers so; all of them count how many are asked at a time."""

    now = most = 0

    def __init__(self, name: str, result: Result) -> None:
        self.name, self.result = name, result
        self.argv: Sequence[str] = ()
        self.closed = False

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 30) -> Result:
        self.argv = argv
        Machine.now += 1
        Machine.most = max(Machine.most, Machine.now)
        await asyncio.sleep(0)
        Machine.now -= 1
        return self.result

    async def close(self) -> None:
        self.closed = True


def ask(answers: dict[str, Result | None]) -> tuple[FleetStatus, dict[str, Machine]]:
    """None: nobody is there; a node whose name begins with `x` has no way to it."""
    nodes = [specs.node("relay", relay=True, endpoint="relay.example")]
    nodes += [specs.node(n, deploy=Deploy(host=None if n[0] == "x" else n)) for n in answers]
    machines = {name: Machine(name, result) for name, result in answers.items() if result}

    async def dial(target: Target, *, timeout: float = 15.0) -> NodeSession:
        if target.name not in machines:
            raise TransportError(f"{target.name}: no route to host")
        return NodeSession(machines[target.name], "wg0")

    return asyncio.run(ask_fleet(specs.spec(nodes), dial, answers)), machines


def test_everybody_is_asked_and_read() -> None:
    here = {"home": "", "direct": {}, "leaves": ["a", "xphone"]}
    paths = {"home": "hub", "direct": {"b": "direct"}, "leaves": [], "draining": False}
    fleet, machines = ask(
        {
            "hub": Result(
                0, said(peer("a"), peer("xphone"), peer("b", "lost"), paths=here), b""
            ),
            "a": Result(0, said(peer("hub"), paths=paths), b""),
            "xphone": None,
        }
    )  # fmt: skip
    hub, a, phone = fleet.nodes["hub"], fleet.nodes["a"], fleet.nodes["xphone"]
    assert (hub.well, hub.lost) == (False, ("b",))
    assert (a.well, a.home, a.direct) == (True, "hub", {"b": "direct"})
    assert (phone.asked, phone.trouble) == (False, "")
    assert fleet.home_of("xphone") == "hub", "as the relay says"
    assert [by for by, _ in fleet.seen("xphone")] == ["hub"]
    assert hub.peers["a"].endpoint == Endpoint("198.51.100.7", 4000)
    assert all(machine.closed for machine in machines.values())
    assert machines["a"].argv[-1] == "wg0"


def test_one_that_does_not_answer_holds_nobody_up() -> None:
    fleet, _ = ask(
        {"a": None, "b": Result(127, b"", b"meshc: not found"), "c": Result(0, said(), b"")}
    )
    assert fleet.nodes["a"].trouble == "a: no route to host"
    assert fleet.nodes["b"].trouble == "its meshc says nothing (exit 127): meshc: not found"
    assert fleet.nodes["c"].well


@pytest.mark.parametrize(("code", "told"), [(0, 0), (1, 0), (3, 0), (4, 4), (127, 127)])
def test_a_node_that_is_not_well_has_answered_as_well(tmp_path: Path, code: int, told: int) -> None:
    """With a real shell and a meshc that ends so."""
    fake = tmp_path / "meshc"
    fake.write_text(f'#!/bin/sh\necho "$*"\nexit {code}\n')
    fake.chmod(0o755)
    _, machines = ask({"a": Result(0, said(), b"")})
    *words, path, interface = machines["a"].argv
    done = subprocess.run(
        [*words, f"{path}:{tmp_path}", interface],
        env={"PATH": "/nowhere"},
        executable="/bin/sh",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (told, "status wg0 --json\n")


def test_only_so_many_are_asked_at_a_time() -> None:
    Machine.most = 0
    ask({f"n{n:02}": Result(0, said(), b"") for n in range(3 * AT_ONCE)})
    assert 1 < Machine.most <= AT_ONCE


def test_what_a_node_says_moves_no_cursor() -> None:
    view = read_view("a", said(problems=["\x1b[2Jall is well"], paths={"home": "\x1b[1m"}))
    assert "\x1b" not in view.problems[0] + view.home


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"[]",
        b'{"interfaces": []}',
        b'{"interfaces": [{"up": true}]}',
        said(peer("a") | {"handshake": float("inf")}),
        said(peer("a") | {"handshake": -1}),
        said(peer("a", at="nowhere")),
        said(paths=[1]),
        b'{"interfaces": ' + b"[" * 100_000,
    ],
    ids=str,
)
def test_what_is_no_status_is_said(output: bytes) -> None:
    with pytest.raises(NodeError, match="no status"):
        read_view("a", output)


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
keys = st.sampled_from(("up", "peers", "problems", "drift", "paths"))


@given(st.dictionaries(keys, values))
def test_nothing_that_a_node_says_raises_anything_else(more: dict[str, Any]) -> None:
    try:
        view = read_view("a", said(**more))
    except NodeError:
        return
    assert isinstance(view.well, bool)
