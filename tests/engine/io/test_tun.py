from __future__ import annotations

import errno
import os
from collections.abc import Iterator

import pytest

from meshc.engine.io import tun as module
from meshc.engine.io.link_monitor import LinkMonitor
from meshc.engine.io.netlink import set_mtu
from meshc.engine.io.tun import READ_SIZE, Tun, TunError
from meshc.engine.proto.offload import VNET_NONE
from tests.support.enginenet import run, wait_for
from tests.support.packets import udp


@pytest.fixture
def name() -> Iterator[str]:
    name = f"met{os.getpid()}"[:15]
    yield name
    run("ip", "link", "del", name, check=False)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EACCES, "run as root or with CAP_NET_ADMIN"),
        (errno.ENOENT, "modprobe tun"),
        (errno.EMFILE, "cannot be opened"),
    ],
)
def test_a_device_that_cannot_be_opened_says_what_would_help(
    monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(module.os, "open", refuse)

    with pytest.raises(TunError, match=words):
        Tun.create("wg0")


def test_what_is_no_tun_device_is_not_adopted() -> None:
    with open("/dev/null", "rb") as file, pytest.raises(TunError, match="not a TUN device"):
        Tun.adopt(file.fileno())


@pytest.mark.root
@pytest.mark.parametrize("bad", ["", "x" * 16, "é" * 8])
def test_a_name_that_the_kernel_cannot_take_is_refused(bad: str) -> None:
    with pytest.raises(TunError, match="not an interface name"):
        Tun.create(bad)


@pytest.mark.root
def test_an_interface_that_is_something_else_is_refused() -> None:
    with pytest.raises(TunError, match="lo"):
        Tun.create("lo")


@pytest.mark.root
def test_an_interface_that_is_held_is_refused(name: str) -> None:
    tun = Tun.create(name)

    with pytest.raises(TunError, match="in use"):
        Tun.create(name)
    tun.close()


@pytest.mark.root
@pytest.mark.parametrize("offload", [True, False])
def test_packets_pass_and_the_interface_vanishes_on_close(name: str, offload: bool) -> None:
    # a network for each case and process: they may run side by side
    base = 8 if offload else 4
    local, remote = (f"10.254.{os.getpid() % 250}.{base + n}" for n in (1, 2))
    tun = Tun.create(name, offload=offload)
    assert (tun.name, tun.vnet) == (name, offload)
    set_mtu(name, 1400)
    run("ip", "addr", "add", f"{local}/30", "dev", name)
    run("ip", "link", "set", name, "up")
    monitor = LinkMonitor(name, current_name=tun.current_name, tun=tun.fd)
    assert monitor.state() == (True, 1400, False)
    buffer = memoryview(bytearray(READ_SIZE))

    command = ["ping", "-c1", "-W1", remote]
    run(*command, check=False)
    seen = []
    while True:
        try:
            seen.append(bytes(buffer[: tun.read_into((buffer,))]))
        except BlockingIOError:
            break

    start = len(VNET_NONE) if offload else 0
    assert any(packet[start] == 0x45 and packet[start + 9] == 1 for packet in seen)
    answer = udp(b"x", source=remote, destination=local)
    tun.write([VNET_NONE, answer] if offload else [answer])
    tun.close()
    assert not os.path.exists(f"/sys/class/net/{name}")
    monitor.close()


@pytest.mark.root
def test_a_descriptor_is_adopted_with_what_it_can_do(name: str) -> None:
    first = Tun.create(name)

    second = Tun.adopt(os.dup(first.fd))

    assert (second.name, second.vnet, second.udp_gso) == (name, True, first.udp_gso)
    first.close()
    second.close()


@pytest.mark.root
def test_the_monitor_tells_of_up_mtu_and_deletion(name: str) -> None:
    tun = Tun.create(name)
    monitor = LinkMonitor(name, current_name=tun.current_name, tun=tun.fd)

    run("ip", "link", "set", name, "mtu", "1300", "up")
    state = None

    def arrived() -> bool:
        nonlocal state
        state = monitor.changes() or state
        return state is not None and state.up and state.mtu == 1300

    wait_for(arrived, "the news of the interface")
    run("ip", "link", "del", name)

    def gone() -> bool:
        nonlocal state
        state = monitor.changes() or state
        return state is not None and state.gone

    wait_for(gone, "the news of its end")
    monitor.close()
    tun.close()
