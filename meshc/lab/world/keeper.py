"""Process 1 of a lab: makes the world, holds its namespaces, and runs jobs in them.

Started by `control.start_lab` in a fresh interpreter; reads an `Order` from its standard
input, reports progress as JSON lines on its standard output, then serves its control socket.
Requests on the socket are JSON lines as well: `{"op": "run", "jobs": [...]}` streams the outcomes
of jobs (only of registered ones), `{"op": "entries"}` tells who holds which place.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pickle
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple

from meshc.errors import MeshcError
from meshc.lab.job_registry import read_job
from meshc.lab.probe import services
from meshc.lab.world import linux, netns
from meshc.lab.world.cabling import build_links
from meshc.lab.world.job_runner import PlaceEntry, run_jobs
from meshc.lab.world.places import LabWorld, PlaceKind
from meshc.secret import SecretBytes


class HostFiles(NamedTuple):
    """The files that a node gets below /etc/wireguard (name -> content), and what is appended to
    its /etc/hosts."""

    files: Mapping[str, SecretBytes]
    hosts: str = ""


class Order(NamedTuple):
    """What to build. `linked` ends the lab with the process that asked for it; `preload` names
    modules that jobs will want: imported once, shared by all of them."""

    world: LabWorld
    machines: Mapping[str, HostFiles]
    mode: str
    directory: str
    linked: bool
    preload: tuple[str, ...] = ()


def send(order: Order, stream: IO[bytes]) -> None:
    """To the keeper's own standard input; what machines have, which is secret, goes by itself."""
    machines = {
        name: ({file: content.reveal() for file, content in machine.files.items()}, machine.hosts)
        for name, machine in order.machines.items()
    }
    pickle.dump((order._replace(machines={}), machines), stream)


def receive(stream: IO[bytes]) -> Order:
    """What our own parent process has sent."""
    order: Order
    order, machines = pickle.load(stream)
    return order._replace(
        machines={
            name: HostFiles({file: SecretBytes(content) for file, content in files.items()}, hosts)
            for name, (files, hosts) in machines.items()
        }
    )


def main() -> None:
    order = receive(sys.stdin.buffer)
    os.setsid()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(Path(order.directory, "control.sock")))
    listener.listen(16)
    netns.enter_lab(order.mode)
    if order.linked:  # after the change of credentials, which would clear it
        linux.die_with_parent(signal.SIGKILL)
    child = os.fork()
    if child == 0:
        if order.linked:
            linux.die_with_parent(signal.SIGKILL)
        _process_one(order, listener)
    _say({"pid": child})
    if order.linked:
        os.waitpid(child, 0)


def _process_one(order: Order, listener: socket.socket) -> None:
    try:
        linux.set_process_name("meshc-lab")
        for module in order.preload:
            importlib.import_module(module)
        netns.own_mounts()
        _say({"progress": f"{len(order.world.places)} namespaces"})
        namespaces = netns.create_namespaces(order.world.places)
        remarks = build_links(order.world, namespaces, lambda text: _say({"progress": text}))
        keeper = Keeper(order, namespaces, listener)
        keeper.populate()
        _say({"ready": True, "remarks": remarks})
    except (MeshcError, OSError) as error:
        _say({"error": str(error)})
        os._exit(1)
    sys.stdout.close()
    os.dup2(os.open("/dev/null", os.O_RDWR), 1)
    keeper.serve()


class Keeper:
    """Holds the namespaces; one holder process for each place that is a machine."""

    def __init__(
        self, order: Order, namespaces: Mapping[str, int], listener: socket.socket
    ) -> None:
        self.order, self.listener = order, listener
        self.entries = {name: PlaceEntry(fd, 0) for name, fd in namespaces.items()}

    def populate(self) -> None:
        """Forks the holders and waits until each of them serves."""
        gc.collect()
        gc.freeze()  # so that children share these pages instead of copying them
        pending = []
        for place in self.order.world.places.values():
            if place.kind in (PlaceKind.NODE, PlaceKind.LAN, PlaceKind.HOST):
                reader, writer = os.pipe()
                pid = os.fork()
                if pid == 0:
                    os.close(reader)
                    self._hold(place.name, place.kind, writer)
                os.close(writer)
                self.entries[place.name] = self.entries[place.name]._replace(holder=pid)
                pending.append((place.name, reader))
        for name, reader in pending:
            with open(reader, "rb") as stream:
                answer = stream.read().decode()
            if answer != "ready":
                raise OSError(f"{name}: {answer or 'its process ended'}")

    def serve(self) -> None:
        """Answers on the control socket until told to stop. Does not return."""
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        signal.signal(signal.SIGCHLD, _reap)
        while True:
            connection, _ = self.listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                self.listener.close()
                try:
                    self._session(connection)
                finally:
                    os._exit(0)
            connection.close()

    def _session(self, connection: socket.socket) -> None:
        stream: BinaryIO = connection.makefile("rwb")  # type: ignore[assignment]
        for line in stream:
            request = json.loads(line)
            if request["op"] == "entries":
                self._reply(stream, {name: e.holder for name, e in self.entries.items()})
                continue
            try:
                batch = [read_job(job) for job in request["jobs"]]
            except ValueError as error:
                self._reply(stream, {"refused": str(error)})
                continue
            limits = {"parallel": request["parallel"], "timeout": request["timeout"]}
            for outcome in run_jobs(batch, self.entries, **limits):
                self._reply(stream, asdict(outcome))
            self._reply(stream, {"done": True})

    @staticmethod
    def _reply(stream: BinaryIO, value: object) -> None:
        stream.write(json.dumps(value).encode() + b"\n")
        stream.flush()

    def _hold(self, name: str, kind: PlaceKind, writer: int) -> None:
        """The life of a holder. Does not return."""
        try:
            world = self.order.world
            linux.setns(self.entries[name].network, linux.NEWNET)
            machine = self.order.machines.get(name, HostFiles({}))
            netns.own_machine(name.replace(":", "-"), world.resolvers, machine.hosts)
            for file, content in machine.files.items():
                _install(Path("/etc/wireguard", file), content.reveal())
            server = services.Services(name)
            if kind is PlaceKind.HOST:
                server.reflect((world.hosts[0], world.resolvers[0]))
                own = [address.address for _, address in world.places[name].addresses]
                server.resolve(world.names, own, world.hosts)
            server.resolve(world.names, world.name_servers.get(name, ()), world.hosts)
            os.write(writer, b"ready")
            os.close(writer)
        except (OSError, MeshcError) as error:
            os.write(writer, str(error).encode() or b"failed")
            os._exit(1)
        server.serve()


def _install(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as stream:
        stream.write(content)


def _reap(*_: object) -> None:
    """Process 1 inherits every orphan of the lab."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
