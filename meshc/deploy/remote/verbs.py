"""What the program does on the node: one request on standard input, one answer on standard output.

An answer never holds a secret key, and whatever goes wrong is an answer as well.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from meshc.deploy import protocol
from meshc.deploy.protocol import Directories, Facts, Failure, FailureReason, Installed, NodeKey
from meshc.deploy.protocol_json import LIMIT, ProtocolError, decode_call, encode_answer
from meshc.deploy.remote import caretaker, deployment, environment, peer_endpoints, units, watcher
from meshc.deploy.remote.base import (
    Refusal,
    clock,
    directory_facts,
    from_os,
    kernel_wireguard,
    pings,
    read,
    redact,
    sha,
    write,
)
from meshc.deploy.remote.deployment_record import Deployed
from meshc.deploy.remote.machine_survey import machine_facts
from meshc.deploy.remote.managed_interface import ManagedInterface
from meshc.deploy.remote.retiring import retire
from meshc.deploy.remote.running_drift import drift
from meshc.deploy.remote.supervision import running
from meshc.deploy.remote.x25519 import public_of

TOOLS = (
    "wg", "wg-quick", "ip", "iptables", "ip6tables", "systemctl", "meshc", "meshc-engine",
    "wireguard-go", "ping", "resolvconf",
)  # fmt: skip


def main() -> None:
    """One request, one answer; or, with arguments, what nobody asks for."""
    for number in (signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)  # a dying connection must not stop a half-done step
    os.umask(0o077)
    path = os.environ.get("PATH", "")
    os.environ["PATH"] = path + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
    if len(sys.argv) == 7:
        word, name, conf, state, environments, token = sys.argv[1:]
        interface = ManagedInterface(name, Directories(conf, state, environments))
        environment.enter(name, environments)
        _alone(word, interface, token)
        return
    answer = _encoded(_answer(sys.stdin.buffer.readline(LIMIT + 1)))
    with contextlib.suppress(OSError):
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()


def _answer(line: bytes) -> object:
    try:
        call = decode_call(line)
        interface = ManagedInterface(call.interface, call.directories)
        environment.enter(interface.name, interface.directories.environments)
        return VERBS[type(call.request)](interface, call.request)
    except ProtocolError as error:
        hint = "the connection may have broken off: deploy again"
        return Failure(f"the request is not one: {error}", hint, FailureReason.PROTOCOL)
    except Refusal as refusal:
        return refusal.failure
    except OSError as error:
        return from_os(error).failure


def _encoded(answer: object) -> bytes:
    try:
        return encode_answer(answer)
    except ProtocolError as error:
        why = f"the answer cannot be sent: {error}"
        return encode_answer(Failure(why, reason=FailureReason.PROTOCOL))


def _alone(word: str, interface: ManagedInterface, token: str) -> None:
    """What the program does on the node without anybody who asks."""
    if word in _WITHOUT_TOKEN:
        _WITHOUT_TOKEN[word](interface)
        return
    if word == "boot":
        watcher.at_boot(interface, token)
        return
    if word == "detach":
        _detach()
    watcher.watch(interface, token)


_WITHOUT_TOKEN = {
    units.SAVE_ENDPOINTS: peer_endpoints.save,
    units.SET_ENDPOINTS: peer_endpoints.set_again,
    units.LOOK_AFTER: caretaker.look_after,
}
"""What the drop-in for wg-quick asks for."""


def _detach() -> None:
    """Goes on as a process that belongs to no session and no terminal."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)


def facts(interface: ManagedInterface, request: protocol.AskFacts) -> Facts:
    """Everything that the controller decides by; changes nothing."""
    content = read(interface.conf)
    record = interface.load()
    if content is not None and os.path.islink(interface.conf):
        why = " is a link: something else manages it"
        raise Refusal(interface.conf + why, reason=FailureReason.FOREIGN)
    deployed = record.deployed or Deployed("")
    last = read(os.path.join(interface.home, "deployed.conf")) if deployed.sha else None
    paths = {name: shutil.which(name) for name in TOOLS}
    places = interface.directories
    return Facts(
        python=sys.version_info[:3],
        uid=os.geteuid(),
        programs={name: path for name, path in paths.items() if path},
        systemd=units.runs(),
        kernel=kernel_wireguard(),
        conf_dir=directory_facts(places.conf),
        state_dir=directory_facts(places.state),
        sha=sha(content),
        conf=_shown(content, request.salt),
        node_json_sha=sha(read(interface.node_json)),
        deployed_sha=deployed.sha,
        deployed_env=deployed.env,
        deployed=_shown(last, request.salt),
        pending=watcher.pending(interface, record),
        state=record.state,
        failed=record.failed,
        mark=deployed.mark,
        running=_running(interface, whole=request.question is not None),
        meshc=environment.facts(interface.name, places.environments),
        enabled=frozenset(units.enabled(interface)),
        stale_unit=deployed.env is not None and units.stale(interface, deployed.env),
        machine=machine_facts(interface, request.question) if request.question else None,
    )


def _running(interface: ManagedInterface, *, whole: bool) -> protocol.RunningInterface:
    found = running(interface)
    return replace(found, drift=drift(interface)) if whole and found.up else found


def _shown(content: bytes | None, salt: str) -> str | None:
    """A file as it may leave the node."""
    return None if content is None else redact(content.decode("utf-8", "replace"), salt)


def make_key(_: ManagedInterface, request: protocol.MakeKey) -> NodeKey:
    """The public key of the private key at `path`, which is made when there is none."""
    path = request.path
    directory = os.path.dirname(path)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    made = False
    if not os.path.lexists(path):
        raw = bytearray(os.urandom(32))
        raw[0] &= 248
        raw[31] = (raw[31] & 127) | 64
        temporary = f"{path}.{os.getpid()}.tmp"
        write(temporary, base64.b64encode(bytes(raw)) + b"\n")
        try:
            os.link(temporary, path)  # fails when somebody was faster: no key is written over
            made = True
        except FileExistsError:
            pass
        finally:
            os.unlink(temporary)
    try:
        private = base64.b64decode((read(path) or b"").strip(), validate=True)
    except ValueError:
        private = b""
    if len(private) != 32:
        why = "`wg genkey` makes one"
        raise Refusal(f"{path} is not a private key", why, FailureReason.KEY)
    return NodeKey(made, base64.b64encode(public_of(private)).decode())


def reach(_: ManagedInterface, request: protocol.AskPeers) -> protocol.Reached:
    """Who answers a ping; those that do not are asked again until the time is over."""
    end, alive = clock() + request.patience, set()
    while True:
        alive |= pings({key: at for key, at in request.peers.items() if key not in alive})
        if len(alive) == len(request.peers) or clock() >= end:
            return protocol.Reached(tuple(sorted(alive)))
        time.sleep(0.2)


def install(interface: ManagedInterface, request: protocol.InstallMeshc) -> Installed:
    """meshc itself, from the archive behind the request."""
    return environment.install(interface.directories.environments, request, sys.stdin.buffer)


def remove_unused(interface: ManagedInterface, _: protocol.RemoveUnused) -> protocol.Versions:
    """The versions of meshc that no interface uses."""
    return environment.remove_unused(interface.directories.environments)


VERBS: dict[type[Any], Callable[[ManagedInterface, Any], object]] = {
    protocol.AskFacts: facts,
    protocol.InstallMeshc: install,
    protocol.RemoveUnused: remove_unused,
    protocol.StageCandidate: deployment.stage,
    protocol.CommitConfirmed: deployment.commit_confirmed,
    protocol.Verify: deployment.verify,
    protocol.Confirm: deployment.confirm,
    protocol.RollBack: deployment.roll_back,
    protocol.Adopt: deployment.adopt,
    protocol.MakeKey: make_key,
    protocol.AskPeers: reach,
    protocol.Retire: retire,
}
"""What is done for each request."""
