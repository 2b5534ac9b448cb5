"""An engine as a process: arguments and environment of `wireguard-go`, log, daemon, ready.

`wg-quick(8)` runs `$WG_QUICK_USERSPACE_IMPLEMENTATION INTERFACE` and goes on when it returns:
by then the interface and the control socket must be there.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import NamedTuple

from meshc.values import dataclass

# One thread is enough for sums of a few kilobytes; OpenBLAS otherwise starts one a core, each
# with its own buffers, and a process with threads must not fork.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from meshc.engine.io import privileges
from meshc.engine.io.engine_log import configure_log, use_system_log
from meshc.engine.io.metrics import MetricsServer
from meshc.engine.io.netlink import set_most_segments, set_mtu, set_queue_length
from meshc.engine.io.runner import Engine
from meshc.engine.io.supervisor import notify
from meshc.engine.io.tun import Tun, TunError
from meshc.engine.io.uapi_socket import DIRECTORY, SocketInUse, UapiListener
from meshc.engine.proto.datapath import road
from meshc.engine.proto.datapath.segment import MOST_SEGMENTS
from meshc.wg.overhead import DEFAULT_MTU

log = logging.getLogger("meshc.engine")

QUEUE_LENGTH = 1024
"""Packets that wait at the TUN device, as many as the kernel module queues for a peer
(`MAX_QUEUED_PACKETS`); with the usual 500 a burst of 6 ms at 1 Gbit/s is lost."""

DEFAULT_NICE = -5
"""A packet that waits for a processor holds up whole connections; the kernel's own WireGuard
works ahead of every process. Three times the share of a usual process, and no more: under a
flood the machine must still answer its administrator."""

# What is allocated while starting stays for good: no collection need look at it again.
_GC_THRESHOLDS = (50_000, 20, 50)
_NAME = re.compile(r"[^\s/]{1,15}")


class StartError(Exception):
    """The engine cannot start; the text is for the user."""


@dataclass(frozen=True, slots=True)
class DaemonOptions:
    """How to run one engine."""

    interface: str
    foreground: bool = False
    metrics: str | None = None
    offload: bool = True
    nice: int = DEFAULT_NICE


class Started(NamedTuple):
    """An engine that is ready: the process that is it, and what moves its packets."""

    interface: str
    pid: int
    data_path: str


def serve(options: DaemonOptions, environ: Mapping[str, str] = os.environ) -> int:
    """As `start`; what keeps it from starting is told on stderr, and the status is 1."""
    try:
        return start(options, environ)
    except StartError as error:
        print(f"meshc engine: {error}", file=sys.stderr)
        return 1


def start(
    options: DaemonOptions,
    environ: Mapping[str, str] = os.environ,
    ready: Callable[[Started], None] = lambda _: None,
) -> int:
    """Start the engine and serve until it ends; in the background unless told otherwise.

    Returns the exit status: of the starter once the engine is ready, or of the engine itself.
    `ready` is called where the terminal is. Raises: StartError.
    Environment: `WG_PROCESS_FOREGROUND`, `LOG_LEVEL`, `WG_TUN_FD`, `WG_UAPI_FD`,
    `NOTIFY_SOCKET`, `MESHC_NATIVE`.
    """
    configure_log(environ, options.interface)
    if environ.get("MESHC_NATIVE") == "0":
        road.take(road.PORTABLE)
    foreground = options.foreground or environ.get("WG_PROCESS_FOREGROUND") == "1"
    engine = _open(options, environ)
    if foreground:
        ready(Started(options.interface, os.getpid(), road.taken().name))
    else:
        keep_log = "LOG_LEVEL" in environ
        child = _become_daemon(keep_log=keep_log)
        if child:
            ready(Started(options.interface, child, road.taken().name))
            return 0
        if not keep_log:
            use_system_log(options.interface)
    _set_priority(options.nice)
    privileges.drop()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    log.info("interface %s: ready, data path %s", options.interface, road.taken().name)
    notify(f"READY=1\nMAINPID={os.getpid()}", environ)
    try:
        engine.run()
    finally:
        notify("STOPPING=1", environ)
    return 0


def _open(options: DaemonOptions, environ: Mapping[str, str]) -> Engine:
    """Everything that can fail, before anybody is told that the engine is there."""
    name = options.interface
    if not _NAME.fullmatch(name) or name in (".", ".."):
        raise StartError(f"{name!r} is not an interface name: 1 to 15 bytes, no '/', no space")
    metrics = None
    try:
        tun = _tun(options, environ)
    except TunError as error:
        raise StartError(str(error.strerror)) from error
    try:
        if options.metrics is not None:
            try:
                metrics = MetricsServer.listen(options.metrics)
            except ValueError as error:
                raise StartError(f"--metrics: {error}") from error
            except OSError as error:
                raise StartError(f"--metrics {options.metrics}: {error.strerror}") from error
        return Engine(tun, _listener(tun.name, environ), metrics)
    except (StartError, OSError) as error:
        tun.close()
        if metrics is not None:
            metrics.close()
        if isinstance(error, StartError):
            raise
        raise StartError(f"interface {name}: {error.strerror}") from error


def _tun(options: DaemonOptions, environ: Mapping[str, str]) -> Tun:
    given = _descriptor(environ, "WG_TUN_FD")
    if given is not None:
        return Tun.adopt(given)
    tun = Tun.create(options.interface, offload=options.offload)
    set_mtu(tun.name, DEFAULT_MTU)
    # Linux lets only the first user namespace's root say this; the default queue works as well.
    with contextlib.suppress(PermissionError):
        set_queue_length(tun.name, QUEUE_LENGTH)
    try:
        set_most_segments(tun.name, MOST_SEGMENTS)
    except OSError as error:
        log.info("the kernel may hand over more than %d segments: %s", MOST_SEGMENTS, error)
    return tun


def _listener(interface: str, environ: Mapping[str, str]) -> UapiListener:
    given = _descriptor(environ, "WG_UAPI_FD")
    try:
        return UapiListener.adopt(given) if given is not None else UapiListener.create(interface)
    except SocketInUse as error:
        raise StartError(f"{error.strerror}: interface {interface} is being served") from error
    except OSError as error:
        where = f"{DIRECTORY}/{interface}.sock"
        raise StartError(f"control socket {where}: {error.strerror}") from error


def _descriptor(environ: Mapping[str, str], variable: str) -> int | None:
    text = environ.get(variable, "")
    if not text:
        return None
    if not text.isdigit():
        raise StartError(f"{variable}={text!r} is not a file descriptor")
    return int(text)


def _set_priority(nice: int) -> None:
    """Ask for a priority; without CAP_SYS_NICE the usual one must do."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    except PermissionError:
        log.info("no right to run at nice %d", nice)


def _become_daemon(*, keep_log: bool) -> int:
    """Go on in a child without a terminal; 0 in the child, its process in the starter."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1) if keep_log else (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    return 0
