"""Endpoints whose address changes, and those that are left alone."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from meshc.agent import watch
from meshc.agent.kernel_events import KernelEvents
from meshc.agent.watch import endpoint_updates, stale_hosts
from meshc.keys import PrivateKey, PublicKey, encode
from meshc.node import learned_endpoints
from meshc.node.state_file import Record
from meshc.node.system import agent_process
from meshc.wg.conf import PeerConf
from meshc.wg.device_values import DeviceState, PeerState, PeerUpdate
from meshc.wg.endpoint import Endpoint
from tests.support import wgconf
from tests.support.netns import Namespace, namespaces, needs_root, require

KEY = PublicKey(encode(b"k" * 32))
NOW = 10_000.0
OLD = Endpoint("192.0.2.1", 51820)


def peers(host: str = "vpn.example") -> tuple[PeerConf, ...]:
    return (PeerConf(KEY, None, (), Endpoint(host, 51820), 25, "", 1),)


def device(handshake: float, *, endpoint: Endpoint | None = OLD, sent: int = 100) -> DeviceState:
    return DeviceState(
        peers=(
            PeerState(KEY, endpoint=endpoint, last_handshake=round(handshake * 1e9), tx_bytes=sent),
        )
    )


@pytest.mark.parametrize(
    ("state", "stale"),
    [
        (device(NOW - 134), False),
        (device(NOW - 136), True),
        (device(0), True),
        (device(0, sent=0), False),
        (device(0, sent=0, endpoint=None), True),
        (DeviceState(), False),
    ],
)
def test_only_a_stale_session_that_is_wanted_is_looked_up(state: DeviceState, stale: bool) -> None:
    assert stale_hosts(peers(), state, now=NOW) == ({KEY: "vpn.example"} if stale else {})


def test_a_literal_address_is_never_looked_up() -> None:
    assert stale_hosts(peers("192.0.2.1"), device(0), now=NOW) == {}
    assert stale_hosts(peers("2001:db8::1"), device(0), now=NOW) == {}


def test_only_a_new_address_is_set() -> None:
    stale = {KEY: "vpn.example"}
    same = endpoint_updates(peers(), device(0), stale, {"vpn.example": "192.0.2.1"})
    assert same == ()
    moved = endpoint_updates(peers(), device(0), stale, {"vpn.example": "192.0.2.9"})
    assert moved == (PeerUpdate(KEY, endpoint=Endpoint("192.0.2.9", 51820)),)
    assert endpoint_updates(peers(), device(0), stale, {}) == ()


def test_a_name_that_changed_is_looked_up_within_150_seconds_of_the_last_handshake() -> None:
    """The loop rests, and is woken for that by nobody but itself."""
    assert watch.STALE_AFTER + watch.INTERVAL + watch.REST <= 150
    with KernelEvents() as events:
        began = time.monotonic()
        watch._until_next(events, threading.Event(), began + watch.REST + 0.1, patient=False)
        assert time.monotonic() - began < watch.ROUND


def test_the_loop_ends_with_the_interface(tmp_path: Path) -> None:
    watch.watch("wg0", run_directory=tmp_path)


def test_the_loop_ends_when_it_is_told(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    watch.watch("wg0", run_directory=tmp_path, stop=stop)


@pytest.fixture
def box() -> Iterator[Namespace]:
    require("wireguard-go")
    with namespaces("box") as (one,):
        one.shell("ip link add eth0 type veth peer name eth1; ip addr add 192.0.2.1/24 dev eth0")
        one.shell("ip link set eth0 up; ip link set eth1 up")
        yield one


@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_a_name_that_appears_later_is_found(box: Namespace, tmp_path: Path) -> None:
    """At boot there is often no name service yet: the interface comes up all the same."""
    peer = wgconf.peer(
        "AllowedIPs = 10.44.0.2/32",
        "Endpoint = later.example:51820",
        key=PrivateKey.generate().public_key(),
    )
    path = wgconf.write(tmp_path / "c", "wg0", wgconf.interface("Address = 10.44.0.1/32") + peer)
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    box.run("mount", "--bind", str(hosts), "/etc/hosts")
    box.meshc("up", str(path), "--engine", "wireguard-go")
    assert "(none)" in box.shell("wg show wg0 endpoints")
    token = json.loads(box.shell("cat /run/meshc/wg0.json"))["token"]
    assert agent_process.runs(token)
    # now, rather than when the agent in the background comes round again
    hosts.write_text("192.0.2.7 later.example\n")
    box.run(
        sys.executable,
        "-c",
        "import time\nfrom pathlib import Path\nfrom meshc.agent.watch import look_once\n"
        "from meshc.node.state_file import StateFile\n"
        "record = StateFile(Path('/run/meshc'), 'wg0').load()\n"
        "look_once(record, now=time.time())",
    )
    assert "192.0.2.7:51820" in box.shell("wg show wg0 endpoints")
    assert box.meshc("status", "wg0").returncode == 0
    box.meshc("down", "wg0")
    assert not agent_process.runs(token)


def test_where_the_peers_are_is_written_down_at_each_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that is killed cannot do it."""
    key = PrivateKey.generate().public_key()
    there = DeviceState(peers=(PeerState(key, endpoint=Endpoint("192.0.2.1", 4000)),))
    kept: list[tuple[object, str]] = []
    engine = SimpleNamespace(read=lambda _: there)
    monkeypatch.setattr(watch, "backend", lambda _: engine)
    monkeypatch.setattr(learned_endpoints, "save", lambda *one: kept.append(one))
    conf = wgconf.write(tmp_path / "conf", "wg9", wgconf.interface() + wgconf.peer(key=key))
    record = Record("wg9", str(conf), engine="bundled", complete=True)
    assert watch.look_once(record, now=time.time()) == 0
    assert kept == [(engine, "wg9")]


def test_what_two_threads_need_is_imported_before_there_are_two() -> None:
    """A thread that finds a module half imported by the other dies of it."""
    code = (
        "import sys, threading; from pathlib import Path; from meshc.agent import watch\n"
        "first = watch.threading.Thread.start\n"
        "def start(self):\n"
        "    missing = [name for name in watch.IMPORTED_LATER if name not in sys.modules]\n"
        "    print(missing); first(self)\n"
        "watch.threading.Thread.start = start\n"
        "watch.watch('no-such-one', run_directory=Path('/nonexistent'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert set(done.stdout.splitlines()) == {"[]"}, done.stderr
