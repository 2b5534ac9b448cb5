"""A pump whose sessions in use go through the compiled lanes: reading, sealing and sending, or
opening, merging and writing, in one call a turn; or, as long as nothing else happens, in one call
for many turns. The rest goes as in `Pump`."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Sequence
from struct import Struct

import meshc_native

from meshc.engine.io.bind import Bind
from meshc.engine.io.clock import monotonic
from meshc.engine.io.lane_reports import account
from meshc.engine.io.lanes import InLanes, Outgoing, OutLanes, expiry
from meshc.engine.io.mmsg import SLOT
from meshc.engine.io.pump import READ_BUDGET, Pump
from meshc.engine.io.tun import Tun
from meshc.engine.proto.device import Device
from meshc.engine.proto.gso import sends_from

_INDEX = Struct("<4xI").unpack_from
# How long, in seconds, sessions may not hear of what their lanes did. Packets do not wait for it;
# what follows from them (a handshake, a timer) is due seconds later.
_HOLD = 0.05

Unsent = tuple[int, int, int, int, int]


class CompiledPump(Pump):
    """`Pump`, where `meshc_native` is there."""

    def __init__(
        self,
        device: Device,
        tun: Tun,
        bind: Bind,
        *,
        gone: Callable[[], None],
        refuse: Callable[[bytes], bool],
    ) -> None:
        super().__init__(device, tun, bind, gone=gone, refuse=refuse)
        self._out = OutLanes(device, bind)
        self._in = InLanes(device, bind)
        self._udp = tun.udp_gso if tun.vnet else None

    def wait(self, poll: select.epoll, until: float) -> list[tuple[int, int]]:
        """See `Pump.wait`. Meanwhile data of the lanes goes both ways; whatever is anything else
        comes back here, and the sessions are told."""
        now, outbound, bind = monotonic(), self._outbound, self._bind
        outgoing, incoming = self._out.ready(now), self._in.steady(now)
        if not outgoing and not incoming:
            return super().wait(poll, until)
        (others, self._busy), (left, unread, unsent), (count, strays, unreceived, errors) = (
            meshc_native.serve(
                poll.fileno(),
                min(until, expiry(outgoing, incoming)),
                _HOLD,
                self._busy,
                (self._tun.fd, self._tun.vnet, self._udp),
                (self._device.mtu, outbound.room, READ_BUDGET),
                outbound.slots[0][0],
                outbound.sealed.buffer,
                (bind.arena.buffer, SLOT),
                bind.places,
                bind.descriptors(),
                [known.lane for known in outgoing],
                [known.lane for known in incoming],
            )
        )
        bind.filled(count)
        account(self._device, outgoing, incoming)
        now = monotonic()
        self._after_reading(outgoing, (left, unread, unsent), now)
        if unreceived:
            self._count("udp_receive", OSError(unreceived, os.strerror(unreceived)))
        self._after_receiving(strays, errors, now)
        return others

    def on_tun(self) -> None:
        now = monotonic()
        taken, drained = 0, False
        while taken < READ_BUDGET and not drained:
            count, drained = self._transmit(READ_BUDGET - taken, now)
            taken += count
        self._busy = taken > 1

    def _transmit(self, budget: int, now: float) -> tuple[int, bool]:
        """One call of the lanes, and what they left: packets taken, and whether that was all."""
        outbound, lanes = self._outbound, self._out.ready(now)
        arena = outbound.sealed
        taken, drained, left, error, unsent = meshc_native.transmit(
            self._tun.fd,
            self._tun.vnet,
            self._device.mtu,
            outbound.room,
            outbound.slots[0][0],
            arena.buffer,
            budget,
            [known.lane for known in lanes],
        )
        account(self._device, lanes, ())
        self._after_reading(lanes, (left, error, unsent), now)
        return taken, drained or error != 0

    def _after_reading(
        self, lanes: Sequence[Outgoing], ended: tuple[int, int, Unsent | None], now: float
    ) -> None:
        """What lanes did not send, could not read, or left."""
        left, error, unsent = ended
        outbound = self._outbound
        if unsent is not None:
            # the long way round knows what to do about it
            lane, start, end, size, _ = unsent
            endpoint, sealed = lanes[lane].endpoint, outbound.sealed.view
            self.send_many((send, endpoint) for send in sends_from(sealed[start:end], size))
        if error:
            self._not_read(OSError(error, os.strerror(error)))
        elif left:
            self.send_many(outbound.take([left], now))
            self.send_many(outbound.flush())
            self._out.learn(outbound.packet(left), now)

    def on_udp(self, descriptor: int) -> None:
        bind = self._bind
        try:
            count = bind.fetch(descriptor)
        except OSError as error:
            self._count("udp_receive", error)
            return
        if not count:
            return
        now = monotonic()
        lanes = self._in.ready(now)
        left, errors = meshc_native.admit(
            bind.arena.buffer,
            SLOT,
            *bind.places,
            count,
            self._tun.fd,
            self._udp,
            [known.lane for known in lanes],
        )
        account(self._device, (), lanes)
        if count == 1 and not self._busy and not left[0]:
            self.on_tun()  # see `Pump.on_udp`
        self._after_receiving(left, errors, now)

    def _after_receiving(self, left: Sequence[bool], errors: Sequence[int], now: float) -> None:
        """What lanes did not write, or left."""
        for number in errors:
            self._not_written(OSError(number, os.strerror(number)))
        start, count = 0, len(left)
        while start < count:
            end = start + 1
            if left[start]:
                while end < count and left[end]:
                    end += 1
                self._long_way(start, end, now)
            start = end

    def drain(self) -> None:
        super().drain()
        # a timer, a handshake or the control socket may have ended a session
        self._out.prune()
        self._in.prune()

    def _long_way(self, start: int, end: int, now: float) -> None:
        """Messages that belong to no lane."""
        runs, strays = self._bind.sort(start, end)
        buffer = self._bind.arena.buffer
        indices = [_INDEX(buffer, run.offset)[0] if run.size >= 8 else 0 for run, _ in runs]
        self._receive(runs, now)
        self._receive_strays(strays, now, beside_data=bool(runs))
        for index, (run, endpoint) in zip(indices, runs, strict=True):
            self._in.learn(index, run.offset, endpoint)
