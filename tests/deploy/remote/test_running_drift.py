"""What somebody changed on a running system is seen by the program that is sent there, whoever
brought the interface up: all that `meshc status` sees on the machine itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from meshc.deploy.machine_facts import Drift, Mending
from meshc.deploy.protocol import Directories
from meshc.deploy.remote import running_drift
from meshc.deploy.remote.managed_interface import ManagedInterface
from meshc.deploy.remote.running_drift import drift
from tests.support import wgconf
from tests.support.drifting_machine import CHANGES, drifting_machine
from tests.support.netns import Namespace, needs_root

ASK = """
from meshc.deploy.protocol import Directories
from meshc.deploy.remote.managed_interface import ManagedInterface
from meshc.deploy.remote.running_drift import drift
for one in drift(ManagedInterface("wg0", Directories())):
    print(one.mending.value, one.what, one.route, sep="|")
"""
MENDED_BY = {
    "route": "peers",
    "psk": "peers",
    "endpoint": "peers",
    "keepalive": "peers",
    "allowed ips": "peers",
    "port": "peers",
    "fwmark": "peers",
    "private key": "peers",
    "file mode": "file",
}


@pytest.fixture(params=["meshc", "wg-quick"])
def node(request: pytest.FixtureRequest) -> Iterator[tuple[Namespace, str]]:
    with drifting_machine(request.param, "MTU = 1420", "FwMark = 7") as made:
        yield made


def seen(host: Namespace) -> dict[str, str]:
    """What mends it, by what it is."""
    lines = host.run(sys.executable, "-c", ASK).stdout.splitlines()
    return {line.split("|")[1]: line.split("|")[0] for line in lines}


@pytest.mark.root
@needs_root[1]
@needs_root[2]
@pytest.mark.slow
def test_each_change_is_seen_with_what_mends_it(node: tuple[Namespace, str]) -> None:
    """One after the other on one machine: each adds something to what is told."""
    host, conf = node
    before = seen(host)
    assert before == {}
    for name, command in CHANGES.items():
        host.shell(command.replace("CONF", conf))
        now = seen(host)
        told = {what: mends for what, mends in now.items() if what not in before}
        if name not in ("emptied chain", "a rule before ours"):  # flushed already: seen with that
            assert told, name
            assert MENDED_BY.get(name, "all") in told.values(), (name, told)
        before = now


@pytest.fixture
def calm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ManagedInterface:
    """An interface on a machine without any tool."""
    monkeypatch.setenv("PATH", str(tmp_path))
    places = Directories(str(tmp_path), str(tmp_path), str(tmp_path))
    found = ManagedInterface("wg9", places)
    text = wgconf.interface("Address = 10.44.0.1/32") + wgconf.peer("AllowedIPs = 0.0.0.0/0")
    Path(found.conf).write_text(text)
    Path(found.conf).chmod(0o600)
    return found


def test_what_nobody_tells_is_no_drift_but_of_peers(calm: ManagedInterface) -> None:
    assert {one.mending for one in drift(calm)} <= {Mending.PEERS}
    Path(calm.conf).write_text("")
    assert drift(calm) == ()


def test_a_file_that_others_can_read_is_told(calm: ManagedInterface) -> None:
    Path(calm.conf).chmod(0o644)
    told = "others can read the file with its key (mode 644)"
    assert drift(calm)[0] == Drift(Mending.FILE, told)


DUMP = """\
private\tpublic\t51820\toff
R1\t(none)\t192.0.2.1:1\tfe80::7/128\t0\t0\t0\t25
R2\t(none)\t192.0.2.2:1\t10.44.0.0/24\t0\t0\t0\t25
B\t(none)\t198.51.100.2:9\t10.44.0.9/32,fe80::9/128\t0\t0\t0\t25
"""
CONF = """\
[Interface]
[Peer]
PublicKey = R1
AllowedIPs = 10.44.0.0/24
Endpoint = 192.0.2.1:1
PersistentKeepalive = 25
[Peer]
PublicKey = R2
Endpoint = 192.0.2.2:1
PersistentKeepalive = 25
[Peer]
PublicKey = B
"""
AGENT = {
    "moving": ["10.44.0.0/24"],
    "partners": [{"public_key": "B", "prefixes": ["10.44.0.9/32"]}],
}


@pytest.mark.parametrize(("agent", "told"), [(AGENT, 0), ({}, 4), ({"moving": 7}, 4)])
def test_what_an_agent_has_moved_is_no_drift(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, agent: dict[str, Any], told: int
) -> None:
    (tmp_path / "node.json").write_text(json.dumps({"interface": "wg0", "agent": agent}))
    monkeypatch.setattr(running_drift, "shown", lambda _: DUMP)
    interface: Any = SimpleNamespace(name="wg0", node_json=str(tmp_path / "node.json"))
    found = [*running_drift._peers(interface, running_drift.sections(CONF)[1:])]
    assert len(found) == told, found
