"""Identities: what opens a network's encrypted secrets, from where people keep theirs.

`MESHC_IDENTITY_FILE` names files, with colons between; `MESHC_IDENTITY_COMMAND` prints one, without
a shell in between; `MESHC_IDENTITY` holds one itself, for a CI. All that are given count. None is
ever an argument of a command, where other users could see it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from meshc.errors import StateError
from meshc.files import read_regular

TEXT = "MESHC_IDENTITY"
FILES = "MESHC_IDENTITY_FILE"
COMMAND = "MESHC_IDENTITY_COMMAND"
_LIMIT = 1 << 16
_PATIENCE = 120  # seconds: a person may have to touch a token


def given_identities(environment: Mapping[str, str] | None = None) -> list[str]:
    """The texts of all identities that are given. Raises: StateError."""
    environment = os.environ if environment is None else environment
    found = [_read(file) for file in environment.get(FILES, "").split(os.pathsep) if file]
    if environment.get(COMMAND):
        found.append(_asked(environment[COMMAND]))
    if environment.get(TEXT):
        found.append(environment[TEXT])
    return found


def also_from(files: tuple[str, ...]) -> None:
    """Files named on the command line come first, for this process and those that it forks."""
    known = os.environ.get(FILES)
    os.environ[FILES] = os.pathsep.join([*files, *([known] if known else [])])


def _read(file: str) -> str:
    path = Path(file).expanduser()
    content = read_regular(path, limit=_LIMIT)
    if content is None:
        raise StateError(f"there is no identity {path}", hint="age-keygen -o FILE makes one")
    return content.decode("utf-8", "replace")


def _asked(command: str) -> str:
    try:
        done = subprocess.run(
            shlex.split(command), stdout=subprocess.PIPE, timeout=_PATIENCE, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        raise StateError(
            f"{COMMAND} did not run: {reason}", hint=f"try it by hand: {command}"
        ) from None
    if done.returncode != 0:
        raise StateError(
            f"{COMMAND} ended with {done.returncode}", hint=f"try it by hand: {command}"
        )
    return done.stdout[:_LIMIT].decode("utf-8", "replace")
