"""The key file of a node (`private_key_file`): read here, so that the line of the wg-quick file
that would hand it over needs no `wg` program."""

from __future__ import annotations

import os
import shlex
import stat

from meshc.errors import KeyFormatError, NodeError
from meshc.keys import PrivateKey
from meshc.render.escape import shell
from meshc.wg.conf import Conf

_LINE = "wg set %i private-key "
_LONGEST = 4096


def key_file_line(conf: Conf) -> str:
    """The line that `meshc build` wrote for one; empty where none is as it was written, or where
    the file has a key besides."""
    for line in conf.post_up if conf.private_key is None else ():
        if line.startswith(_LINE) and line == f"{_LINE}{shell(_path(line))}":
            return line
    return ""


def stored_key(conf: Conf, interface: str, *, needed: bool = True) -> PrivateKey | None:
    """The private key of the file itself, else the one in its key file. Unless it is `needed`, None
    stands for one that cannot be read. Raises: NodeError, without a word of what was read."""
    line = key_file_line(conf)
    if not line:
        return conf.private_key
    path = _path(line).replace("%i", interface)
    try:
        return _read(path)
    except (OSError, KeyFormatError) as error:
        if not needed:
            return None
        why = error.strerror if isinstance(error, OSError) else "there is no private key in it"
        raise NodeError(
            f"could not read the private key in {path}: {why}",
            hint=f"`meshc deploy` makes one there, or: umask 077; wg genkey > {path}",
        ) from None


def _path(line: str) -> str:
    try:
        words = shlex.split(line.removeprefix(_LINE))
    except ValueError:
        return ""
    return words[0] if len(words) == 1 and words[0].startswith("/") else ""


def _read(path: str) -> PrivateKey:
    """Raises: OSError, KeyFormatError."""
    # what waits for a writer must not be waited for
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), encoding="ascii",
              errors="replace") as file:  # fmt: skip
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(0, "it is no file")
        return PrivateKey.parse(file.read(_LONGEST).strip())
