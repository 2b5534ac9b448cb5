"""Ports are opened when asked for, answer with a name, and stay open; what is taken is told."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator

import pytest

from meshc.errors import NodeError
from meshc.lab.probe import listening, services
from meshc.lab.probe.listening import OpenPorts
from meshc.lab.probe.port_trial import PortTrial, TryPorts


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """One that serves in a process of its own, at a door of its own."""
    monkeypatch.setattr(listening, "DOOR", f"\0meshc-test-{os.getpid()}")
    monkeypatch.setattr(services, "PORT", 0)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            server = services.Services("erp")
            os.write(writer, b".")
            server.serve()
        finally:
            os._exit(1)
    assert os.read(reader, 1) == b"."
    os.close(reader)
    os.close(writer)
    yield "erp"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def free(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET6, kind) as sock:
        sock.bind(("::", 0))
        return int(sock.getsockname()[1])


def test_a_machine_listens_where_it_is_asked_to_and_says_who_it_is(machine: str) -> None:
    tcp, udp = free(socket.SOCK_STREAM), free(socket.SOCK_DGRAM)
    assert OpenPorts((("tcp", tcp), ("udp", udp))).run() == ()
    trials = tuple(
        PortTrial(address, protocol, port)
        for address in ("127.0.0.1", "127.0.0.2", "::1")
        for protocol, port in (("tcp", tcp), ("udp", udp))
    )
    found = TryPorts(trials, 10.0).run()
    assert [(one.reached, one.name) for one in found] == [(True, machine)] * 6
    assert OpenPorts((("tcp", tcp),)).run() == (), "it is open already"


def test_a_port_of_somebody_else_is_told(machine: str) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::", 0))
        port = int(sock.getsockname()[1])
        assert OpenPorts((("udp", port),)).run() == (("udp", port),)


def test_where_nobody_opens_ports_the_job_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "DOOR", "\0meshc-test-nobody")
    with pytest.raises(NodeError, match="nobody opens ports here"):
        OpenPorts((("tcp", 80),)).run()
