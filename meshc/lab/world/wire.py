"""Cables with a delay on kernels without sch_netem: two TAP devices and a process between them.

Only frames of such cables pass through the process; all others are veth pairs. Like netem it
delays each direction by itself, reorders where there is jitter, and holds 10,000 frames at most.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import random
import select
import struct
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple, NoReturn

from meshc.lab.world import linux
from meshc.lab.world.places import Shape

# linux/if_tun.h
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
LIMIT = 10_000
FRAME = 65_536


class Wire(NamedTuple):
    """The open ends of one cable, and what it does to packets."""

    left: int
    right: int
    shape: Shape


class Frames:
    """What is under way on all wires, soonest first. Knows no clock: `now` is in seconds."""

    def __init__(self, wires: Iterable[Wire], source: random.Random) -> None:
        self.source = source
        self.other: dict[int, tuple[int, Shape]] = {}
        for wire in wires:
            self.other[wire.left] = (wire.right, wire.shape)
            self.other[wire.right] = (wire.left, wire.shape)
        self.held = dict.fromkeys(self.other, 0)
        self.queue: list[tuple[float, int, int, bytes]] = []
        self.count = 0

    def take(self, end: int, frame: bytes, now: float) -> None:
        """A frame has come in at one end of a wire."""
        out, shape = self.other[end]
        if self.held[out] >= LIMIT:
            return
        delay = shape.delay + self.source.uniform(-shape.jitter, shape.jitter)
        self.held[out] += 1
        self.count += 1  # keeps frames of one moment in order
        heapq.heappush(self.queue, (now + max(0.0, delay) / 1000, self.count, out, frame))

    def due(self, now: float) -> Iterator[tuple[int, bytes]]:
        """Frames whose time has come, and the end at which each leaves."""
        while self.queue and self.queue[0][0] <= now:
            _, _, out, frame = heapq.heappop(self.queue)
            self.held[out] -= 1
            yield out, frame

    def wait(self, now: float) -> float | None:
        """Seconds until the next frame is due; None when there is none."""
        return max(0.0, self.queue[0][0] - now) if self.queue else None


def open_end(name: str) -> int:
    """A TAP device of this name in the current network namespace. Raises: OSError."""
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    except OSError:
        os.close(end)
        raise
    return end


def start(wires: list[Wire]) -> int:
    """Forks the process that carries frames, and closes the ends here; the answer is its number."""
    child = os.fork()
    if child == 0:
        try:
            linux.set_process_name("meshc-wire")
            os.dup2(os.open("/dev/null", os.O_RDWR), 1)
            carry(wires)
        finally:
            os._exit(1)
    for wire in wires:
        os.close(wire.left)
        os.close(wire.right)
    return child


def carry(wires: list[Wire]) -> NoReturn:
    """Carries frames until the process is killed."""
    frames = Frames(wires, random.Random())
    poll = select.epoll()
    for end in frames.other:
        poll.register(end, select.EPOLLIN)
    while True:
        wait = frames.wait(time.monotonic())
        for end, _ in poll.poll(wait):
            _read(end, frames)
        for out, frame in frames.due(time.monotonic()):
            try:
                os.write(out, frame)
            except OSError:
                continue  # the device is down, or its queue full: lost, as on any cable


def _read(end: int, frames: Frames) -> None:
    """Everything that waits at one end, but not for ever: others wait as well."""
    now = time.monotonic()
    for _ in range(64):
        try:
            frames.take(end, os.read(end, FRAME), now)
        except OSError:
            return  # nothing more, or the device is down
