"""The text of the program that is sent to a node, and the words that start it there.

The program is the package `remote`: the sources of its modules and a loader that makes modules of
them in memory; nothing of it stays on the node.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from meshc.secret import SecretText

_PACKAGE = "meshc.deploy.remote"
_MODULES = (  # each needs only those before it
    "base", "units", "interface", "environment", "bootguard",
    "staging", "deployment", "verbs",
)  # fmt: skip
_LOADER = """\
import json, sys, types
for name in ("meshc", "meshc.deploy", {package!r}):
    sys.modules[name] = types.ModuleType(name)
for name, text in json.loads({sources!r}).items():
    name = {package!r} + "." + name
    module = sys.modules[name] = types.ModuleType(name)
    setattr(sys.modules[{package!r}], name.rpartition(".")[2], module)
    exec(compile(text, name, "exec"), module.__dict__)
module.main()
"""
_MARK = "meshc-program"
# Lines before the mark are skipped: a password that sudo did not ask for after all.
_BOOTSTRAP = (
    "import sys;r=sys.stdin.buffer;l=r.readline()\n"
    f"while l and not l.startswith(b'{_MARK} '):l=r.readline()\n"
    "n=int(l.split()[1]) if l else sys.exit(97)\n"
    "p=r.read(n);exec(compile(p,'meshc-program','exec'),{})"
)
ARGV = ("python3", "-c", _BOOTSTRAP)
NOTHING = ("python3", "-c", "")
"""The same program with nothing to do: whether it may be run at all."""


@cache
def program() -> str:
    """The whole program; also what the watcher on the node runs from a file."""
    files = resources.files(_PACKAGE)
    sources = {name: (files / f"{name}.py").read_text("utf-8") for name in _MODULES}
    return _LOADER.format(package=_PACKAGE, sources=json.dumps(sources))


def stdin(
    request: dict[str, Any], *, password: SecretText | None = None, payload: bytes = b""
) -> bytes:
    """What goes to the standard input of `ARGV`, or of sudo with it: one request, and the bytes
    that it speaks of."""
    first = b"" if password is None else password.reveal().encode() + b"\n"
    text = program().encode()
    return b"%b%b %d\n%b%b\n%b" % (
        first,
        _MARK.encode(),
        len(text),
        text,
        json.dumps(request).encode(),
        payload,
    )
