"""The text of the program that is sent to a node, and the words that start it there.

The program is the package `remote`, the protocol, and what of `node` judges by texts alone: the
sources of their modules and a loader that makes modules of them in memory; nothing of it stays on
the node.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from meshc.deploy.protocol import Call
from meshc.deploy.protocol_json import encode_call
from meshc.secret import SecretText

_PACKAGES = ("meshc", "meshc.node", "meshc.deploy", "meshc.deploy.remote")
_JUDGES = (
    "node.arriving_packet",
    "node.iptables_verdict",
    "node.nft_verdict",
    "node.firewall_obstacle",
)
_MODULES = (  # each needs only those before it, below `deploy`
    "machine_facts",
    "protocol",
    "protocol_json",
    "remote.base",
    "remote.deployment_states",
    "remote.deployment_record",
    "remote.managed_interface",
    "remote.machine_survey",
    "remote.units",
    "remote.conf_lines",
    "remote.peer_endpoints",
    "remote.supervision",
    "remote.caretaker",
    "remote.environment",
    "remote.bootguard",
    "remote.staging",
    "remote.restoring",
    "remote.advancing",
    "remote.watcher",
    "remote.deployment",
    "remote.retiring",
    "remote.x25519",
    "remote.running_firewall",
    "remote.running_drift",
    "remote.verbs",
)
_LOADER = """\
import json, sys, types
for name in {packages!r}:
    sys.modules[name] = types.ModuleType(name)
for name, text in json.loads({sources!r}).items():
    name = "meshc." + name
    module = sys.modules[name] = types.ModuleType(name)
    package, _, last = name.rpartition(".")
    setattr(sys.modules[package], last, module)
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


def paths() -> dict[str, str]:
    """The modules in the order in which they are loaded, and their files, below `meshc`."""
    names = (*_JUDGES, *(f"deploy.{name}" for name in _MODULES))
    return {name: name.replace(".", "/") + ".py" for name in names}


@cache
def program() -> str:
    """The whole program; also what the watcher on the node runs from a file."""
    files = resources.files("meshc")
    sources = {name: (files / path).read_text("utf-8") for name, path in paths().items()}
    return _LOADER.format(packages=_PACKAGES, sources=json.dumps(sources))


def stdin(call: Call[Any], *, password: SecretText | None = None, payload: bytes = b"") -> bytes:
    """What goes to the standard input of `ARGV`, or of sudo with it: one request, and the bytes
    that it speaks of. Raises: ProtocolError when the request is too large."""
    first = b"" if password is None else password.reveal().encode() + b"\n"
    text = program().encode()
    return b"%b%b %d\n%b%b%b" % (
        first,
        _MARK.encode(),
        len(text),
        text,
        encode_call(call),
        payload,
    )
