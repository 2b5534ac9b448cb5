#!/usr/bin/env python3
"""The compiled data path against the portable one, on random and hostile input, for as long as one
likes.

    python benchmarks/engine_fuzz.py                   a minute, another seed each time
    python benchmarks/engine_fuzz.py --seconds 36000   ten hours
    python benchmarks/engine_fuzz.py --seed 7 --rounds 100

Each round seals runs and super-packets on both roads, harms, repeats and shuffles what came out,
opens it on both, and delivers what was opened, some of it turned into nonsense. Whatever differs
ends the script with the seed of the round. Needs no root; prints datagrams a second.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from meshc.engine.proto.allowedips import AllowedIPs
from meshc.engine.proto.datapath import Arena, Block, PartialChecksum, compiled
from meshc.engine.proto.datapath.coalesce import MAX_JOINED
from meshc.engine.proto.datapath.portable import PortableDataPath
from meshc.engine.proto.datapath.segment import Segmentation
from meshc.engine.proto.datapath.session_keys import PortableOpeningKey, PortableSealingKey
from meshc.engine.proto.offload import VirtioNetHdr
from meshc.prefixes import Prefix
from tests.support.packets import super_packet, tcp, udp

STRIDE = 2048
ROOM = 400_000
OWNER = "the peer"
PORTABLE = PortableDataPath()


class Difference(Exception):
    """The two roads did not come to the same."""


class Round:
    """One session on both roads."""

    def __init__(self, seed: int, compiled_path: compiled.CompiledDataPath) -> None:
        self.random = random.Random(seed)
        key = self.random.randbytes(32)
        self.paths = (PORTABLE, compiled_path)
        self.sealing = (PortableSealingKey(key, 7), compiled.sealing_key(key, 7))
        self.opening = (PortableOpeningKey(key), compiled.opening_key(key))
        self.routes: AllowedIPs[str] = AllowedIPs()
        for text in ("10.0.0.0/30", "fd00::/64"):
            self.routes.insert(Prefix.parse(text), OWNER)
        self.datagrams = 0

    def run(self) -> int:
        """How many datagrams it took to find nothing."""
        for _ in range(self.random.randrange(1, 6)):
            self.open(self.super() if self.random.random() < 0.4 else self.equal())
            self.deliver()
        return self.datagrams

    def inner(self, size: int) -> bytes:
        """A packet of a few flows, or one that is nothing to merge."""
        rng = self.random
        v6 = {"source": "fd00::1", "destination": "fd00::2"} if rng.random() < 0.3 else {}
        if rng.random() < 0.1:
            v6 = {"source": rng.choice(("10.0.0.9", "10.9.9.9", "fd01::1")), **v6}
            v6["destination"] = "fd00::2" if ":" in v6["source"] else "10.0.0.2"
        payload = rng.randbytes(max(0, size))
        if rng.random() < 0.3:
            return udp(payload, sport=rng.randrange(1, 3), **v6)
        flags = rng.choice((0x10, 0x10, 0x10, 0x18, rng.randrange(256)))
        number = rng.randrange(4) * size
        return tcp(payload, sport=rng.randrange(1, 3), flags=flags, sequence=number, **v6)

    def harmed(self, data: bytes) -> bytes:
        """With a bit flipped somewhere."""
        at = self.random.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << self.random.randrange(8)]) + data[at + 1 :]

    def super(self) -> list[bytes]:
        """Datagrams of a super-packet whose header may lie."""
        rng = self.random
        payload = rng.randrange(1, rng.choice((200, 3000, 65_000)))
        packet, vnet = super_packet(self.inner(payload), rng.randrange(1, 1600))
        if rng.random() < 0.3:
            packet = self.harmed(packet[:80]) + packet[80:]
        if rng.random() < 0.1:
            vnet = VirtioNetHdr.parse(self.harmed(vnet.pack()))
        gso = Segmentation.of(memoryview(packet), vnet)
        if gso is None:
            return self.equal()
        mtu, first = rng.choice((0, 1420, 1280)), 0
        sealed: list[bytes] = []
        while first < gso.number:
            outs = Arena(ROOM), Arena(ROOM)
            splits = [
                path.split_seal(key, memoryview(packet), gso, mtu, out, 0, first)
                for path, key, out in zip(self.paths, self.sealing, outs, strict=True)
            ]
            self.same("split_seal", splits[0], splits[1])
            self.same("split_seal", outs[0].buffer, outs[1].buffer)
            number, size, last = splits[0]
            view = outs[0].view
            sealed += [bytes(view[at : at + size]) for at in range(0, number * size, size)]
            sealed += [bytes(view[number * size : number * size + last])] * (last > 0)
            first += number + (last > 0)
        return sealed

    def equal(self) -> list[bytes]:
        """Datagrams of packets of one size."""
        rng = self.random
        size, count = rng.randrange(28, rng.choice((100, 1500))), rng.randrange(1, 65)
        csum = None
        if rng.random() < 0.3:
            start = rng.randrange(size - 2)
            csum = PartialChecksum(start, rng.randrange(size - 1 - start))
        packets = [self.inner(size - 60).ljust(size, b"\0")[:size] for _ in range(count)]
        mtu = rng.choice((0, 1420))
        outs = Arena(ROOM), Arena(ROOM)
        ends = []
        for path, key, out in zip(self.paths, self.sealing, outs, strict=True):
            buf = Arena(count * STRIDE)
            for row, packet in enumerate(packets):
                buf.view[row * STRIDE : row * STRIDE + size] = packet
            ends.append(path.seal_run(key, buf, 0, STRIDE, size, count, mtu, csum, out, 0))
        self.same("seal_run", ends[0], ends[1])
        self.same("seal_run", outs[0].buffer, outs[1].buffer)
        step = ends[0] // count
        return [bytes(outs[0].view[at : at + step]) for at in range(0, ends[0], step)]

    def open(self, sealed: list[bytes]) -> None:
        """Open them on both roads, after what a network and an enemy do to them."""
        rng = self.random
        size = len(sealed[0])
        self.block = Block(0, 0, 0)
        if size - 32 > STRIDE:
            return  # longer than a row: `GroBuffer` would have made wider ones
        run = [datagram for datagram in sealed if len(datagram) == size][:64]
        for _ in range(rng.choice((0, 0, 1, 5))):
            at = rng.randrange(len(run))
            run[at] = rng.choice((self.harmed(run[at]), rng.choice(run), rng.randbytes(size)))
        if rng.random() < 0.2:
            rng.shuffle(run)
        self.rows = [Arena(len(run) * STRIDE), Arena(len(run) * STRIDE)]
        results = []
        for path, key, rows in zip(self.paths, self.opening, self.rows, strict=True):
            buf = Arena(len(run) * size)
            buf.view[:] = b"".join(run)
            results.append(path.open_run(key, buf, 0, size, size, len(run), rows, 0, STRIDE))
        self.same("open_run", results[0], results[1])
        self.dead, self.block = results[0].dead_mask, Block(0, len(run), size - 32)
        for row in range(len(run)):
            if not self.dead >> row & 1:
                place = slice(row * STRIDE, row * STRIDE + size - 32)
                self.same("open_run", self.rows[0].view[place], self.rows[1].view[place])
        self.datagrams += len(run)

    def deliver(self) -> None:
        """Deliver what was opened, now and then harmed as only an authentic peer can."""
        rng, (_, count, padded) = self.random, self.block
        if not padded:
            return
        for _ in range(rng.choice((0, 0, 1, 3))):
            at = rng.randrange(count) * STRIDE + rng.randrange(min(padded, 80))
            value = rng.randrange(256)
            for rows in self.rows:
                rows.buffer[at] = value
        for row in range(count):
            # what lies behind a packet is not looked at, but the roads leave other things there
            for rows in self.rows:
                start = row * STRIDE
                rows.view[start + padded : start + STRIDE] = bytes(STRIDE - padded)
                if self.dead >> row & 1:
                    rows.view[start : start + padded] = bytes(padded)
        merge = rng.choice((None, False, True, True))
        results = []
        for path, rows in zip(self.paths, self.rows, strict=True):
            out = Arena(MAX_JOINED)
            found = path.deliver(
                rows, STRIDE, [self.block], self.dead, self.routes, OWNER, merge, out
            )
            writes = [b"".join(map(bytes, write)) for write in found.writes]
            results.append((writes, found.malformed, found.foreign))
        self.same("deliver", results[0], results[1])

    @staticmethod
    def same(what: str, portable: object, compiled_one: object) -> None:
        if portable != compiled_one:
            raise Difference(what)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, help="instead of a time")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**9 * 10**6)
    options = parser.parse_args()
    if not compiled.AVAILABLE:
        parser.error("meshc-native is not installed: ./dev native")
    path = compiled.CompiledDataPath()
    start, seed, datagrams = time.monotonic(), options.seed, 0
    while (
        seed < options.seed + options.rounds
        if options.rounds
        else time.monotonic() < start + options.seconds
    ):
        try:
            datagrams += Round(seed, path).run()
        except Exception:
            print(f"seed {seed}: --seed {seed} --rounds 1 does it again", file=sys.stderr)
            raise
        seed += 1
    spent = time.monotonic() - start
    print(
        f"{seed - options.seed} rounds from seed {options.seed}: {datagrams} datagrams"
        f" without a difference, {datagrams / spent:.0f} a second"
    )


if __name__ == "__main__":
    main()
