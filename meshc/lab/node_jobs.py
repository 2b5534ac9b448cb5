"""Jobs at a node of the lab: up from the emitted file by the engine that was asked for, down,
and how it does."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from meshc.lab.commands import run_command
from meshc.lab.world.jobs import Job

MESHC, WG_QUICK = "meshc", "wg-quick"
RUNNERS = (MESHC, WG_QUICK)
APP_MARK = 7_070
CONF_DIRECTORY = "/etc/wireguard"


@dataclass(frozen=True, slots=True)
class RaisedNode:
    """What brought a node up, and what there is to say about it."""

    engine: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabPeer:
    """How a node does with one peer: `health` is a word of `meshc.node.Health`, `handshake` its
    age in seconds."""

    name: str
    endpoint: str
    handshake: float | None
    received: int
    sent: int
    health: str


@dataclass(frozen=True, slots=True)
class LabNode:
    """How a node does: what `meshc status` says there."""

    up: bool
    engine: str
    listen_port: int
    drift: tuple[str, ...] = ()
    peers: tuple[LabPeer, ...] = ()


@dataclass(frozen=True, slots=True)
class BringUp(Job[RaisedNode]):
    """Brings up `interface` with `engine` from its file in /etc/wireguard; `runner` is meshc or
    wg-quick. An `app` keeps its own packets out of the tunnel whatever the routes say; `agent` says
    that the agent looks after it, `nftables` that its rules are for nft alone."""

    interface: str
    engine: str
    runner: str = MESHC
    app: bool = False
    agent: bool = False
    nftables: bool = False

    def run(self) -> RaisedNode:
        from meshc import node
        from meshc.lab.forked import forking_backend
        from meshc.lab.quick_runner import quick_up

        if not self.nftables:  # what iptables drops no table of nftables can accept
            _forward_nothing_by_itself()
        path = f"{CONF_DIRECTORY}/{self.interface}.conf"
        if self.runner == WG_QUICK:
            raised = RaisedNode(quick_up(path, self.engine))
        else:
            # Names of the lab never move, so that no process per node need look after them.
            outcome = node.up(path, engine=self.engine, watch=self.agent, backends=forking_backend)
            raised = RaisedNode(outcome.engine, outcome.notes)
        if self.app:
            _protect_own_packets(self.interface)
        return raised


@dataclass(frozen=True, slots=True)
class TakeDown(Job[tuple[str, ...]]):
    """Takes `interface` down and puts everything back; the answer is what there is to say."""

    interface: str
    runner: str = MESHC

    def run(self) -> tuple[str, ...]:
        from meshc import node
        from meshc.lab.forked import forking_backend
        from meshc.lab.quick_runner import quick_down

        if self.runner == WG_QUICK:
            quick_down(f"{CONF_DIRECTORY}/{self.interface}.conf")
            return ()
        return node.down(self.interface, backends=forking_backend).notes


@dataclass(frozen=True, slots=True)
class ForgetCallers(Job[None]):
    """Forgets the peers that the file of `interface` cannot call: their sessions, and where they
    were last heard of. Nobody hears of it, as a node that comes up might be heard."""

    interface: str

    def run(self) -> None:
        from meshc.node.backends import of_running
        from meshc.wg.conf import parse
        from meshc.wg.device_values import DeviceUpdate, PeerUpdate

        if not Path("/sys/class/net", self.interface).exists():
            return  # what never came up remembers nothing
        path = f"{CONF_DIRECTORY}/{self.interface}.conf"
        conf = parse(Path(path).read_text(encoding="utf-8"), file=path)
        callers = {peer.public_key for peer in conf.peers if peer.endpoint is None}
        engine = of_running(self.interface)
        known = [one for one in engine.read(self.interface).peers if one.public_key in callers]
        gone = (PeerUpdate(one.public_key, remove=True) for one in known)
        engine.write(self.interface, DeviceUpdate(peers=tuple(gone)))
        again = (
            PeerUpdate(
                one.public_key,
                preshared_key=one.preshared_key,
                keepalive=one.keepalive,
                allowed_ips=one.allowed_ips,
            )
            for one in known
        )
        engine.write(self.interface, DeviceUpdate(peers=tuple(again)))


@dataclass(frozen=True, slots=True)
class ReadNode(Job[LabNode]):
    """How `interface` does."""

    interface: str

    def run(self) -> LabNode:
        from meshc import node

        found = node.status(self.interface)
        peers = tuple(
            LabPeer(p.name, p.endpoint, p.handshake, p.received, p.sent, p.health.value)
            for p in found.peers
        )
        return LabNode(found.up, found.engine, found.listen_port, found.drift, peers)


def engine_of(choice: str, number: int) -> str:
    """The engine of the node with this number; `mixed` alternates, bundled first."""
    if choice != "mixed":
        return choice
    return ("bundled", "wireguard-go")[number % 2]


def _protect_own_packets(interface: str) -> None:
    """As the apps on phones and desktops do, which bind their sockets to the uplink: by a mark and
    a table with the default routes of the uplink. Where the file has a default route, the mark is
    there already."""
    from meshc.node.backends import of_running
    from meshc.wg.device_values import DeviceUpdate

    engine = of_running(interface)
    if engine.read(interface).fwmark:
        return
    engine.write(interface, DeviceUpdate(fwmark=APP_MARK))
    for family in ("-4", "-6"):
        for line in run_command("ip", family, "route", "show", "default").splitlines():
            if f"dev {interface}" not in line:
                words = [word for word in line.split() if word not in ("onlink", "linkdown")]
                run_command("ip", family, "route", "replace", *words, "table", str(APP_MARK))
        rule = ("fwmark", str(APP_MARK), "lookup", str(APP_MARK), "priority", "2")
        if str(APP_MARK) not in run_command("ip", family, "rule", "show", "priority", "2"):
            run_command("ip", family, "rule", "add", *rule)


def _forward_nothing_by_itself() -> None:
    """As on machines with Docker or firewalld, and as the proof takes for granted: what no rule of
    the emitted files accepts is not forwarded, in either direction."""
    for program in ("iptables", "ip6tables"):
        if shutil.which(program):
            run_command(program, "-w", "-P", "FORWARD", "DROP")
