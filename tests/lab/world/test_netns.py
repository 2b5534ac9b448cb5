from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from meshc.errors import NodeError
from meshc.lab.lab_session import open_session
from meshc.lab.lab_source import prepare
from meshc.lab.probe.stun import ClassifyNat
from meshc.lab.run import run_test
from meshc.lab.world import control, netns
from meshc.lab.world.enter import run_inside
from meshc.topology.language.spec import Nat
from tests.support.labs import a_spec, behind, relay
from tests.support.running import running


def test_root_needs_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "access", lambda *_: True)
    assert netns.privilege() == (netns.ROOT, "this process is root")


@pytest.mark.parametrize("uid", [0, 1000])
def test_without_a_tun_device_no_engine_can_run(uid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(NodeError, match="/dev/net/tun") as caught:
        netns.privilege()
    assert caught.value.hint


@pytest.mark.parametrize(("blocked", "mode"), [("", netns.USER), ("not permitted", None)])
def test_others_need_user_namespaces(
    blocked: str, mode: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "access", lambda *_: True)
    monkeypatch.setattr(netns, "_user_namespaces_blocked", lambda: blocked)
    if mode is not None:
        assert netns.privilege().mode == mode
        return
    with pytest.raises(NodeError, match="user namespaces are not for this user: not permitted"):
        netns.privilege()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed")
def test_a_lab_in_a_user_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an ordinary user gets: the same world, NATs and programs inside."""
    user = netns.Privilege(netns.USER, "this test says so")
    monkeypatch.setattr(control, "privilege", lambda: user)
    with running(a_spec(relay(), behind("a", Nat.FULL_CONE))) as (lab, world):
        ask = ClassifyNat((world.hosts[0], world.resolvers[0]))
        assert lab.call("a", ask).nat == "full_cone"
        assert lab.state.mode == netns.USER
        child = os.fork()
        if child == 0:
            os._exit(run_inside(lab, "a", ["sh", "-c", "test $(hostname) = a && exit 7"]))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed")
def test_the_bundled_engine_runs_in_a_user_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some settings are for the first user namespace alone: the engine does without them."""
    user = netns.Privilege(netns.USER, "this test says so")
    monkeypatch.setattr(control, "privilege", lambda: user)
    example = Path(__file__).parents[3] / "examples" / "topologies" / "client-server" / "mesh.yaml"
    session = open_session(prepare(example, None, lambda _: None))
    with session.lab:
        assert list(run_test(session).failures()) == []
