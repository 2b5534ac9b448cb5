"""The engine's log: to standard error, or as a daemon to the system's (syslog, the journal)."""

from __future__ import annotations

import logging
import logging.handlers
import os
from collections.abc import Mapping
from pathlib import Path

LEVELS = {
    "verbose": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "error": logging.ERROR,
    "silent": logging.CRITICAL + 1,
}
SYSTEM_LOG = Path("/dev/log")


def configure_log(environ: Mapping[str, str], interface: str) -> None:
    """Log to standard error at `LOG_LEVEL` (verbose, debug, info, error, silent)."""
    level = LEVELS.get(environ.get("LOG_LEVEL", "error").lower(), logging.ERROR)
    logging.basicConfig(
        level=level,
        format=f"%(levelname)s: ({_escaped(interface)}) %(asctime)s %(message)s",
        force=True,
    )


def use_system_log(interface: str, address: Path = SYSTEM_LOG) -> None:
    """Log where daemons do, which has its own time and level; nowhere if there is no such place."""
    root = logging.getLogger()
    handler = _SystemLog(str(address), _SystemLog.LOG_DAEMON)
    name = f"meshc-engine[{os.getpid()}]: ({_escaped(interface)})"
    handler.setFormatter(logging.Formatter(f"{name} %(message)s"))
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)


class _SystemLog(logging.handlers.SysLogHandler):
    """The system's log, which may be away for a while."""

    def handleError(self, record: logging.LogRecord) -> None:
        """A daemon has nobody else to tell."""


class VerboseSwitch:
    """Says more, and with the next call as much as before."""

    def __init__(self) -> None:
        self._before = logging.getLogger().level

    def flip(self) -> None:
        """Change to the other level, and say so at it."""
        root = logging.getLogger()
        verbose = root.level == logging.DEBUG
        root.setLevel(self._before if verbose else logging.DEBUG)
        if not verbose:
            root.info("verbose from now on")


def _escaped(interface: str) -> str:
    return interface.replace("%", "%%")
