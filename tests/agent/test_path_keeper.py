"""The shell: what the core decides is done on the device, and what is not asked for is not.

Agents on real tunnels are tried by tests/lab/probe/test_failover.py.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from meshc.agent import home_table, path_keeper
from meshc.agent.compiled_roster import CompiledRoster
from meshc.agent.core.control_message import (
    Ask,
    Meet,
    Move,
    Probe,
    Taken,
    decode,
    encode,
)
from meshc.agent.core.direct_path import OPENED, SECOND_CALL
from meshc.agent.core.effect import MoveDirect
from meshc.agent.path_keeper import keep_paths
from meshc.agent.path_status import load_status
from meshc.agent.tunnel_socket import Arrived
from meshc.topology.planner.mesh_plan import MeshPlan
from meshc.wg.device_values import DeviceState, DeviceUpdate
from meshc.wg.endpoint import Endpoint
from tests.agent.test_home_table import applied
from tests.support.healing import compiled, device, number, punching_plan


class Wire:
    """What is sent, and what is to arrive."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, bytes]] = []
        self.coming: list[Arrived] = []
        self.pair = socket.socketpair()

    def fileno(self) -> int:
        return int(self.pair[0].fileno())

    def send(self, to: int, data: bytes) -> None:
        self.sent.append((to, data))

    def close(self) -> None:
        for one in self.pair:
            one.close()

    def arrive(self, sender: int, data: bytes | None) -> None:
        self.coming.append(Arrived(sender, data))
        self.pair[1].send(b"!")

    def arrived(self) -> Iterator[Arrived]:
        self.pair[0].recv(100)
        coming, self.coming = self.coming, []
        return iter(coming)


class Bench:
    """A node whose device and tunnels are lists."""

    def __init__(self, name: str, directory: Path, plan: MeshPlan | None = None) -> None:
        self.compiled: CompiledRoster = compiled(name, directory, plan)
        self.device = device(name, plan)
        for update in home_table.probe_updates(self.device, self.compiled):
            self.device = applied(self.device, update)
        self.wire = Wire()
        engine: Any = SimpleNamespace(read=lambda _: self.device, write=self.write)
        agent = path_keeper._agent(self.compiled, self.device)
        wire: Any = self.wire
        self.keeper = path_keeper._Keeper("wg0", engine, self.compiled, wire, agent)

    def write(self, interface: str, update: DeviceUpdate) -> None:
        assert interface == "wg0"
        for one in update.peers:
            self.device = applied(self.device, one)


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench("r1", tmp_path)
    yield bench
    bench.wire.close()


@pytest.fixture
def leaf(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench("a", tmp_path)
    yield bench
    bench.wire.close()


def test_a_relay_that_is_asked_places_the_leaf_on_its_device(relay: Bench) -> None:
    bench = relay
    bench.wire.arrive(number("b"), encode(Move(7)))
    bench.keeper.turn()
    placed = home_table.placed_leaves(bench.device, bench.compiled)
    assert placed[number("b")] == number("r1")
    assert (number("b"), encode(Taken(7, 7, True))) in bench.wire.sent
    assert not bench.keeper.was_changed()


def test_a_leaf_probes_its_relays_and_says_how_it_is(leaf: Bench, tmp_path: Path) -> None:
    bench = leaf
    bench.keeper.turn()
    probed = {to for to, data in bench.wire.sent if isinstance(decode(data), Probe)}
    assert probed == {number("r1"), number("r2")}
    bench.keeper.show(tmp_path)
    status = load_status("wg0", tmp_path)
    assert status is not None
    assert status.home == "r1"
    assert not status.all_live


def test_what_arrives_from_nobody_or_makes_no_sense_changes_nothing(relay: Bench) -> None:
    bench = relay
    before = bench.device
    for sender, data in ((0, encode(Move(7))), (4711, encode(Move(7))), (number("b"), b"noise")):
        bench.wire.arrive(sender, data)
        bench.wire.arrive(sender, None)
        bench.keeper.turn()
    assert bench.device == before


def test_a_device_that_somebody_set_anew_is_noticed(relay: Bench) -> None:
    bench = relay
    assert not bench.keeper.was_changed()
    bench.device = device("r1")
    assert bench.keeper.was_changed()


def test_a_relay_that_drains_takes_nobody(relay: Bench) -> None:
    bench = relay
    bench.keeper.draining(True)
    bench.wire.arrive(number("b"), encode(Move(7)))
    bench.keeper.turn()
    assert (number("b"), encode(Taken(7, 0, False))) in bench.wire.sent
    bench.keeper.draining(False)
    bench.wire.arrive(number("b"), encode(Move(8)))
    bench.keeper.turn()
    assert (number("b"), encode(Taken(8, 8, True))) in bench.wire.sent


def test_it_ends_when_it_is_told_and_needs_no_interface(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(path_keeper, "LATER", 0.01)
    stop = threading.Event()
    keeper = threading.Thread(
        target=keep_paths, args=("wg0", stop), kwargs={"run_directory": tmp_path}
    )
    keeper.start()
    time.sleep(0.05)
    stop.set()
    keeper.join(timeout=30)
    assert not keeper.is_alive()


def test_two_leaves_that_ask_are_told_where_the_relay_sees_them(relay: Bench) -> None:
    bench, (a, b) = relay, (number("a"), number("b"))
    at = {a: Endpoint("192.0.2.1", 1), b: Endpoint("192.0.2.2", 2)}
    keys = {bench.compiled.keys[one]: end for one, end in at.items()}
    bench.device = DeviceState(
        peers=tuple(p._replace(endpoint=keys.get(p.public_key)) for p in bench.device.peers)
    )
    bench.wire.arrive(a, encode(Ask(((b, 0),))))
    bench.wire.arrive(b, encode(Ask(((a, 0),))))
    bench.keeper.turn()
    said = {to: decode(data) for to, data in bench.wire.sent}
    assert said[a] == Meet(b, 0, at[a], (at[b],))
    assert said[b] == Meet(a, 0, at[b], (at[a],))


def test_a_leaf_that_is_told_calls_and_a_half_begun_attempt_is_forgotten(tmp_path: Path) -> None:
    bench, b = Bench("a", tmp_path, punching_plan()), number("b")
    there = Endpoint("127.0.0.2", 2)
    bench.wire.arrive(number("r1"), encode(Meet(b, 0, Endpoint("192.0.2.1", 1), (there,))))
    end = time.monotonic() + OPENED + SECOND_CALL
    while time.monotonic() < end + 0.1:
        bench.keeper.turn()
    peer = bench.device.peer(bench.compiled.keys[b])
    assert peer is not None
    assert (peer.endpoint, peer.keepalive) == (there, home_table.KEEPALIVE)
    assert not bench.keeper.was_changed()
    for update in home_table.updates_of(MoveDirect(b), bench.compiled, bench.device):
        bench.device = applied(bench.device, update)
    assert bench.keeper.was_changed(), "somebody else has moved it"
    bench.wire.close()


def test_a_relay_follows_the_handshake_of_a_phone(tmp_path: Path) -> None:
    bench, phone = Bench("r2", tmp_path), number("phone")
    key = bench.compiled.keys[phone]

    def shaken(when: int) -> None:
        bench.device = DeviceState(
            peers=tuple(
                p._replace(last_handshake=when) if p.public_key == key else p
                for p in bench.device.peers
            )
        )
        bench.keeper._callers()

    shaken(0)
    assert home_table.placed_leaves(bench.device, bench.compiled)[phone] == number("r1")
    shaken(10**18)
    assert home_table.placed_leaves(bench.device, bench.compiled)[phone] == number("r2")
    bench.wire.close()
