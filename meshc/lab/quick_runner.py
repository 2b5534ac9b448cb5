"""`--runner wg-quick`: the real wg-quick brings nodes up, as most machines do that have no meshc.

What wg-quick looks for in its PATH is put there where it is missing: the engine that was asked for,
and a resolvconf that writes /etc/resolv.conf (the one of systemd needs a bus, which no machine of a
lab has).
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from meshc.errors import NodeError
from meshc.lab.commands import CommandResult, RunCommand

PROGRAM = "wg-quick"
_DIRECTORY = Path("/run/lab-bin")
_ENGINE = "lab-engine"
_RESOLVCONF = """\
#!/bin/sh
# resolvconf(8) as far as wg-quick uses it
old=/run/lab-resolv.conf
case "$1" in
    -a) [ -e "$old" ] || cp /etc/resolv.conf "$old"; cat > /etc/resolv.conf ;;
    -d) [ ! -e "$old" ] || { cat "$old" > /etc/resolv.conf; rm "$old"; } ;;
    -l) [ ! -e "$old" ] || cat /etc/resolv.conf ;;
esac
"""


def quick_up(path: str, engine: str) -> str:
    """Brings a file up; the answer is the name of what runs it. Raises: NodeError with the last
    words of wg-quick."""
    _furnish()
    implementation = "wireguard-go" if engine == "wireguard-go" else _ENGINE
    told = _quick("up", path, implementation)
    return engine if f"[#] {implementation} " in told else "kernel"


def quick_down(path: str) -> None:
    """Takes it down again. Raises: NodeError."""
    _quick("down", path, _ENGINE)


def _furnish() -> None:
    _DIRECTORY.mkdir(exist_ok=True)
    start = f"exec {shlex.quote(sys.executable)} -m meshc engine"
    _write(_ENGINE, f'#!/bin/sh\n{start} "$@"\n')
    found = shutil.which("resolvconf")
    if found is None or os.path.basename(os.path.realpath(found)) == "resolvectl":
        _write("resolvconf", _RESOLVCONF)


def _write(name: str, text: str) -> None:
    program = _DIRECTORY / name
    program.write_text(text)
    program.chmod(0o755)


def _quick(verb: str, path: str, implementation: str) -> str:
    if shutil.which(PROGRAM) is None:
        raise NodeError(
            "wg-quick is not installed", hint="on Debian and Ubuntu: apt install wireguard-tools"
        )
    search = f"PATH={_DIRECTORY}:{os.environ.get('PATH', os.defpath)}"
    way = ("env", search, f"WG_QUICK_USERSPACE_IMPLEMENTATION={implementation}")
    done: CommandResult = RunCommand((*way, PROGRAM, verb, path)).run()
    if done.code != 0:
        last = " / ".join(done.output.strip().splitlines()[-3:])
        raise NodeError(f"wg-quick {verb} failed with {done.code}: {last}")
    return done.output
