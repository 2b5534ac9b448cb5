"""The one loop on a node: what others break is put back, endpoints follow their names, and where
an agent is asked for, paths are kept (see `path_keeper`).

WireGuard resolves a host name once. When a peer with a host name as its endpoint has had no
handshake for a while although it should, the name is looked up again and the answer is set.
An endpoint that works, learned or not, is never touched: a peer may have roamed.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from meshc.agent.door_keeper import keep_doors
from meshc.agent.kernel_events import KernelEvents
from meshc.agent.path_keeper import keep_paths
from meshc.errors import MeshcError
from meshc.keys import PublicKey
from meshc.node import learned_endpoints, nodefile
from meshc.node.backends import backend
from meshc.node.fact_reader import resolve
from meshc.node.learned_endpoints import LearnedEndpoint, learned
from meshc.node.machine import RUN_DIRECTORY
from meshc.node.outer_names import look_up, outer_servers
from meshc.node.state_file import Record, StateFile
from meshc.node.system import agent_process, processes
from meshc.node.system_values import is_literal
from meshc.node.upkeep import keep_up
from meshc.wg.conf import PeerConf
from meshc.wg.device_values import DeviceState, DeviceUpdate, PeerUpdate
from meshc.wg.endpoint import Endpoint

STALE_AFTER = 135.0
"""Seconds without a handshake: 120 (REKEY_AFTER_TIME) and 15 for the retries, as the
`reresolve-dns` example of wireguard-tools counts."""
INTERVAL = 10.0
"""Seconds between two looks at the endpoints: a name that changed is found within 150."""
ROUND = 15.0
"""Seconds between two looks at the rest when the kernel tells of no change."""
REST = 2.0
SETTLE = 0.5
IMPORTED_LATER = (
    "meshc.node.system.rtnetlink",
    "meshc.node.backends.bundled",
    "meshc.node.backends.external",
    "meshc.node.backends.kernel",
)
"""What both threads would import in the middle of their work: of two that import the same modules
at one time one may find them half done."""

_log = logging.getLogger(__name__)


def watch(
    interface: str,
    *,
    run_directory: Path = RUN_DIRECTORY,
    stop: threading.Event | None = None,
    token: str = "",
) -> None:
    """Looks after an interface until it goes away, or `stop` is set; with `token`, until somebody
    else brought it up anew."""
    for module in IMPORTED_LATER:
        importlib.import_module(module)
    stop = stop or threading.Event()
    ended = threading.Event()
    paths = threading.Thread(
        target=keep_paths,
        args=(interface, ended),
        kwargs={"run_directory": run_directory},
        daemon=True,  # a process that is told to end does not wait for it
    )
    doors = threading.Thread(
        target=keep_doors,
        args=(interface, ended),
        kwargs={"run_directory": run_directory},
        daemon=True,
    )
    paths.start()
    doors.start()
    try:
        _watch(interface, run_directory, stop, token)
    finally:
        ended.set()
        paths.join()
        doors.join()


def _watch(interface: str, run_directory: Path, stop: threading.Event, token: str) -> None:
    next_names = next_round = time.monotonic()
    changed, last = False, ""
    kept: dict[PublicKey, LearnedEndpoint] = {}
    with KernelEvents() as events:
        while not stop.is_set():
            record = StateFile(run_directory, interface).load()
            if record is None or token not in ("", record.token):
                return
            trouble = ""
            try:
                if changed or time.monotonic() >= next_round:
                    next_round = time.monotonic() + ROUND
                    for done in keep_up(interface, run_directory=run_directory, kept=kept):
                        _log.warning("%s: put back: %s", interface, done)
                if time.monotonic() >= next_names:
                    next_names = time.monotonic() + INTERVAL
                    look_once(record, now=time.time())
                    if record.complete and record.engine:
                        kept = learned(backend(record.engine).read(interface), kept)
            except MeshcError as error:
                trouble = str(error)
            if trouble not in ("", last):
                _log.warning("%s: %s", interface, trouble)
            last = trouble
            # what failed is not tried again at once: the attempt itself makes events
            latest = min(next_names, next_round)
            changed = _until_next(events, stop, latest, patient=bool(trouble))


def _until_next(
    events: KernelEvents, stop: threading.Event, latest: float, *, patient: bool
) -> bool:
    """Whether the kernel told of a change before the time was `latest`; not sooner than REST:
    whoever changes one thing changes more, and a router's table never rests. What failed is tried
    again after a round, whatever the kernel tells."""
    if patient:
        return not stop.wait(ROUND)
    if stop.wait(REST):
        return False
    while not stop.is_set() and time.monotonic() < latest:
        if events.wait(min(1.0, max(0.0, latest - time.monotonic()))):
            stop.wait(SETTLE)
            return True
    return events.wait(0)


def look_once(record: Record, *, now: float) -> int:
    """Resolves what is stale and sets what changed; how many endpoints were set. Writes down where
    the peers are: an engine that is killed does not.

    Raises: NodeError, ConfError when the file or the engine cannot be read."""
    from meshc.node.system.rtnetlink import Netlink

    if not (record.complete and record.engine):
        return 0
    engine = backend(record.engine)
    conf = nodefile.read(Path(record.file)).conf
    device = engine.read(record.interface)
    learned_endpoints.save(engine, record.interface)
    stale = stale_hosts(conf.peers, device, now=now)
    if not stale:
        return 0
    with Netlink() as netlink:
        servers = outer_servers(record.changes, record.interface)
        resolved = resolve(
            netlink,
            stale.values(),
            device.fwmark,
            lambda host: look_up(host, servers, device.fwmark),
        )
    updates = endpoint_updates(conf.peers, device, stale, resolved)
    if updates:
        engine.write(record.interface, DeviceUpdate(peers=updates))
        _log.info("%s: %d endpoints resolved anew", record.interface, len(updates))
    return len(updates)


def stale_hosts(
    peers: tuple[PeerConf, ...], device: DeviceState, *, now: float
) -> dict[PublicKey, str]:
    """Public key -> host name of the peers that need a look: those that should have a session
    (we have sent to them, or never found their address) and have none."""
    found = {}
    for peer in peers:
        state = device.peer(peer.public_key)
        if state is None or peer.endpoint is None or is_literal(peer.endpoint.host):
            continue
        wanted = state.endpoint is None or state.tx_bytes > 0
        if wanted and now - state.handshake > STALE_AFTER:
            found[peer.public_key] = peer.endpoint.host
    return found


def endpoint_updates(
    peers: tuple[PeerConf, ...],
    device: DeviceState,
    stale: Mapping[PublicKey, str],
    resolved: Mapping[str, str],
) -> tuple[PeerUpdate, ...]:
    """What to set: only answers that differ from what the peer has."""
    updates = []
    for peer in peers:
        address = resolved.get(stale.get(peer.public_key, ""))
        state = device.peer(peer.public_key)
        if address is None or state is None or peer.endpoint is None:
            continue
        endpoint = Endpoint(address, peer.endpoint.port)
        if state.endpoint != endpoint:
            updates.append(PeerUpdate(peer.public_key, endpoint=endpoint))
    return tuple(updates)


def main() -> None:
    """`python -m meshc.agent.watch IFACE`: what `AgentStart` runs."""
    parser = argparse.ArgumentParser(prog="meshc.agent.watch")
    parser.add_argument("interface")
    parser.add_argument("--run-dir", type=Path, default=RUN_DIRECTORY)
    wanted = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    token = os.environ.get(processes.TOKEN, "").removesuffix(agent_process.SUFFIX)
    watch(wanted.interface, run_directory=wanted.run_dir, token=token)


if __name__ == "__main__":
    main()
