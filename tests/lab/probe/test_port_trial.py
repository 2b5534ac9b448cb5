"""What counts as reached: an answer, or a refusal, which came from there as well."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from meshc.lab.probe import port_trial
from meshc.lab.probe.port_trial import PortTrial, TryPorts
from tests.lab.probe.test_listening import free


@pytest.mark.parametrize(
    ("protocol", "kind"), [("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)]
)
def test_a_closed_port_is_reached_and_has_no_name(protocol: str, kind: socket.SocketKind) -> None:
    trial = PortTrial("127.0.0.1", protocol, free(kind))
    (found,) = TryPorts((trial,), 0.5, patient=False).run()
    assert (found.reached, found.name) == (True, "")
    assert "refused" in found.error


def test_silence_is_not_reached_and_waited_for_no_longer_than_said() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        trial = PortTrial("127.0.0.1", "udp", mute.getsockname()[1])
        begun = time.monotonic()
        (found,) = TryPorts((trial,), 1.2, patient=False).run()
        assert (found.reached, found.error) == (False, "no answer")
        assert time.monotonic() - begun < 10
        mute.setblocking(False)
        asked = 0
        while True:
            try:
                mute.recv(100)
                asked += 1
            except BlockingIOError:
                break
        assert asked >= 2, "one datagram may get lost"


def test_an_address_that_cannot_be_reached_says_why() -> None:
    (found,) = TryPorts((PortTrial("255.255.255.255", "tcp", 80),), 0.5, patient=False).run()
    assert (found.reached, found.name) == (False, "")
    assert found.error not in ("", "no answer")


def test_more_trials_than_descriptors_are_all_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port_trial, "SIDE_BY_SIDE", 7)
    monkeypatch.setattr(port_trial.resource, "setrlimit", lambda *_: None)
    port = free(socket.SOCK_STREAM)
    found = TryPorts((PortTrial("127.0.0.1", "tcp", port),) * 20, 1.0, patient=False).run()
    assert [one.reached for one in found] == [True] * 20


def test_what_speaks_late_is_waited_for() -> None:
    """Patient trials are made again until somebody answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
        late.bind(("127.0.0.1", 0))
        trial = PortTrial("127.0.0.1", "udp", late.getsockname()[1])

        def answer() -> None:
            for _ in range(3):
                _, peer = late.recvfrom(100)
            late.sendto(b'{"name": "late"}', peer)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        (found,) = TryPorts((trial,), 30.0).run()
        thread.join(5)
    assert (found.reached, found.name) == (True, "late")
