"""The loop with sockets for descriptors: two engines talk over the loopback without a TUN."""

from __future__ import annotations

import errno
import logging
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.engine.io.clock import monotonic
from meshc.engine.io.link_monitor import LinkState
from meshc.engine.proto.tai64n import WallEpoch
from tests.support.loopback_engines import LoopbackEngines, established

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP)


@pytest.fixture(params=[True, False], ids=["vnet", "plain"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LoopbackEngines]:
    pair = LoopbackEngines(tmp_path, vnet=request.param)
    yield pair
    pair.close()


def test_the_control_socket_gets_and_refuses(pair: LoopbackEngines) -> None:
    text = pair.ask(0, "get=1\n\n")
    assert f"listen_port={pair.engines[0].device.listen_port}\n" in text
    assert text.endswith("errno=0\n\n")

    assert pair.ask(0, "set=1\nlisten_port=99999\n\n") == f"errno=-{errno.EINVAL}\n\n"
    assert pair.ask(0, "set=1\nnonsense\n\n") == f"errno=-{errno.EPROTO}\n\n"
    assert pair.ask(0, "get=1\n\n") == text, "nothing changed"


def test_the_listen_port_moves_and_stays_when_it_cannot(pair: LoopbackEngines) -> None:
    taken = pair.engines[1].device.listen_port
    before = pair.engines[0].device.listen_port

    assert pair.ask(0, f"set=1\nlisten_port={taken}\n\n") == f"errno=-{errno.EADDRINUSE}\n\n"
    assert pair.engines[0].device.listen_port == before
    assert pair.ask(0, "set=1\nlisten_port=0\n\n") == "errno=0\n\n"
    assert pair.engines[0].device.listen_port not in (0, before, taken)


def test_the_interface_going_down_closes_the_sockets(pair: LoopbackEngines) -> None:
    engine = pair.engines[0]
    port = engine.device.listen_port

    engine._apply_link(LinkState(up=False, mtu=1400))
    assert engine._bind.descriptors() == []
    assert (engine.device.is_up, engine.device.mtu) == (False, 1400)
    pair.ask(0, f"set=1\nlisten_port={port}\n\n")
    engine._apply_link(LinkState(up=True, mtu=1400))

    assert engine.device.listen_port == port
    assert engine.device.is_up


def test_the_end_of_the_interface_ends_the_loop(pair: LoopbackEngines) -> None:
    pair.engines[0]._apply_link(LinkState(up=False, mtu=0, gone=True))

    assert not pair.engines[0].running
    assert pair.engines[1].running


def test_removing_the_control_socket_ends_the_loop(pair: LoopbackEngines) -> None:
    os.unlink(pair.listeners[0].path)

    pair.until(lambda: not pair.engines[0].running, "the end")


def test_a_signal_wakes_the_loop_once(
    pair: LoopbackEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And does not keep it awake."""
    engine, turns = pair.engines[0], list[float]()
    before = [signal.getsignal(number) for number in SIGNALS]
    level = logging.getLogger().level
    turn = engine.turn

    def counted() -> None:
        if not turns:
            os.kill(os.getpid(), signal.SIGUSR1)
        turns.append(monotonic())
        turn(0.05)
        if monotonic() - turns[0] > 0.5:
            engine.stop()

    monkeypatch.setattr(engine, "turn", counted)
    monkeypatch.setattr(engine, "open", lambda: setattr(engine, "running", True))
    monkeypatch.setattr(engine, "close", lambda: None)
    try:
        engine.run()
    finally:
        logging.getLogger().setLevel(level)
        signal.set_wakeup_fd(-1)
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)

    assert 2 <= len(turns) < 100


def test_a_clock_that_is_set_is_followed(pair: LoopbackEngines) -> None:
    """The last handshake is shown in real time, and timestamps are those of a right clock."""
    established(pair)
    engine = pair.engines[0]
    engine.device.set_wall_clock(WallEpoch(monotonic(), 1_000_000_000))

    engine._clock_steps.stepped = lambda: True  # type: ignore[method-assign]
    engine._on_clock()

    shown = pair.ask(0, "get=1\n\n").partition("last_handshake_time_sec=")[2].partition("\n")[0]
    assert abs(int(shown) - time.time()) < 60
