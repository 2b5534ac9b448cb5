"""Delay without netem: when frames come out, and that they do come through."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from meshc.lab.world.places import Shape
from meshc.lab.world.wire import LIMIT, Frames, Wire


def frames(shape: Shape) -> Frames:
    return Frames([Wire(1, 2, shape)], random.Random(7))


def test_a_frame_leaves_at_the_other_end_after_the_delay() -> None:
    under_way = frames(Shape(delay=20))
    under_way.take(1, b"there", 100.0)
    under_way.take(2, b"back", 100.005)
    assert under_way.wait(100.0) == pytest.approx(0.020)
    assert list(under_way.due(100.019)) == []
    assert list(under_way.due(100.020)) == [(2, b"there")]
    assert list(under_way.due(100.026)) == [(1, b"back")]
    assert under_way.wait(100.026) is None


def test_frames_of_one_moment_keep_their_order() -> None:
    under_way = frames(Shape(delay=1))
    for number in range(20):
        under_way.take(1, bytes([20 - number]), 5.0)
    assert [frame[0] for _, frame in under_way.due(6.0)] == list(range(20, 0, -1))


def test_jitter_stays_inside_its_bounds() -> None:
    under_way = frames(Shape(delay=10, jitter=4))
    for _ in range(500):
        under_way.take(1, b"x", 0.0)
    assert list(under_way.due(0.0059)) == []
    late = len(list(under_way.due(0.010)))
    assert 150 < late < 350
    assert late + len(list(under_way.due(0.0141))) == 500


def test_a_jitter_wider_than_the_delay_sends_nothing_into_the_past() -> None:
    under_way = frames(Shape(delay=1, jitter=50))
    for _ in range(50):
        under_way.take(1, b"x", 10.0)
    assert list(under_way.due(9.999)) == []


def test_a_full_wire_drops_in_one_direction_only() -> None:
    under_way = frames(Shape(delay=1000))
    for _ in range(LIMIT + 5):
        under_way.take(1, b"x", 0.0)
    under_way.take(2, b"y", 0.0)
    out = [end for end, _ in under_way.due(2.0)]
    assert (out.count(2), out.count(1)) == (LIMIT, 1)
    under_way.take(1, b"x", 2.0)
    assert under_way.wait(2.0) is not None


CODE = """
import os, signal, socket, sys, time
import pyroute2
from meshc.lab.world import linux, wire
from meshc.lab.world.places import Shape

linux.unshare(linux.NEWNET)
child = wire.start([wire.Wire(wire.open_end("a"), wire.open_end("b"), Shape(delay=30))])
try:
    with pyroute2.IPRoute() as link:
        for name in "ab":
            link.link("set", index=link.link_lookup(ifname=name)[0], state="up")
    ends = {}
    for name in "ab":
        ends[name] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88B5))
        ends[name].bind((name, 0x88B5))
        ends[name].settimeout(10)
    frame = b"\\xff" * 6 + b"\\x02" + bytes(5) + b"\\x88\\xb5" + b"hello" * 200
    for one, other in ("ab", "ba"):
        begun = time.monotonic()
        ends[one].send(frame)
        assert ends[other].recv(4096) == frame
        took = time.monotonic() - begun
        assert took >= 0.03, took
finally:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
print("passed")
"""


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.skipif(not os.path.exists("/dev/net/tun"), reason="needs /dev/net/tun")
def test_frames_come_through_both_ways_with_the_delay() -> None:
    """In a network namespace of its own: two devices and the process between them."""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=root, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "passed\n", done.stderr
