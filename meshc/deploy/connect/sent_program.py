"""The text of the program that is sent to a node, and the words that start it there.

The program is the package `remote`, the protocol, and what of `node` judges by texts alone: their
modules and a loader that makes modules of them in memory; nothing of it stays on the node. They are
sent twice, packed: as sources, and as the Python of this machine has compiled them, which one of
the same version loads as they are. Compiling takes longer than all else that most requests need.
"""

from __future__ import annotations

import json
import marshal
import zlib
from functools import cache
from importlib import resources
from importlib.util import MAGIC_NUMBER
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
    "remote.x25519",
    "remote.key_handover",
    "remote.advancing",
    "remote.watcher",
    "remote.deployment",
    "remote.retiring",
    "remote.running_firewall",
    "remote.running_drift",
    "remote.verbs",
)
_LOADER = """\
import sys, types
for name in {packages!r}:
    sys.modules[name] = types.ModuleType(name)
for name, code in modules:
    name = "meshc." + name
    module = sys.modules[name] = types.ModuleType(name)
    package, _, last = name.rpartition(".")
    setattr(sys.modules[package], last, module)
    exec(compile(code, name, "exec") if isinstance(code, str) else code, module.__dict__)
module.main()
"""
_MARK = "meshc-program"
# Lines before the mark are skipped: a password that sudo did not ask for after all.
_BOOTSTRAP = (
    "import sys,zlib,marshal,importlib.util as u;r=sys.stdin.buffer;l=r.readline()\n"
    f"while l and not l.startswith(b'{_MARK} '):l=r.readline()\n"
    "w=l.split() if l else sys.exit(97)\n"
    "n=int(w[2]);p=r.read(int(w[1]));z=zlib.decompress\n"
    "if w[3].decode()==u.MAGIC_NUMBER.hex():c,m=marshal.loads(z(p[n:]))\n"
    "else:c,m=compile(z(p[:n]),'meshc-program','exec'),()\n"
    "exec(c,{'modules':m})"
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
    text = json.dumps(list(_sources().items()))
    return f"import json\nmodules = json.loads({text!r})\n{_loader()}"


def _sources() -> dict[str, str]:
    files = resources.files("meshc")
    return {name: (files / path).read_text("utf-8") for name, path in paths().items()}


def _loader() -> str:
    return _LOADER.format(packages=_PACKAGES)


@cache
def packed() -> tuple[bytes, bytes]:
    """The sources, and what they are compiled to."""

    def compiled(name: str, text: str) -> Any:
        return compile(text, name, "exec", dont_inherit=True, optimize=0)

    modules = tuple((name, compiled(name, text)) for name, text in _sources().items())
    loader = compiled("meshc-program", _loader())
    return zlib.compress(program().encode()), zlib.compress(marshal.dumps((loader, modules)))


def stdin(call: Call[Any], *, password: SecretText | None = None, payload: bytes = b"") -> bytes:
    """What goes to the standard input of `ARGV`, or of sudo with it: one request, and the bytes
    that it speaks of. Raises: ProtocolError when the request is too large."""
    first = b"" if password is None else password.reveal().encode() + b"\n"
    sources, compiled = packed()
    sizes = f"{len(sources) + len(compiled)} {len(sources)}"
    head = f"{_MARK} {sizes} {MAGIC_NUMBER.hex()}\n".encode()
    return b"".join((first, head, sources, compiled, encode_call(call), payload))
