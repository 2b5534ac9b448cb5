"""One JSON request on standard input, one JSON answer back; an answer never holds a secret key."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import sys
from typing import Any

from meshc.deploy.remote import deployment, environment, units
from meshc.deploy.remote.base import (
    Refusal,
    from_os,
    kernel_wireguard,
    read,
    redact,
    sha,
    target_facts,
    write,
)
from meshc.deploy.remote.supervision import Node, node_of, running

TOOLS = (
    "wg", "wg-quick", "ip", "iptables", "ip6tables", "systemctl", "meshc", "meshc-engine",
    "wireguard-go", "ping",
)  # fmt: skip


def main() -> None:
    """One request, one answer. What goes wrong is an answer as well."""
    for number in (signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)  # a dying connection must not stop a half-done step
    os.umask(0o077)
    path = os.environ.get("PATH", "")
    os.environ["PATH"] = path + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
    if len(sys.argv) == 6:
        node = Node(*sys.argv[2:5])
        kept = node.load().get("environment") or {}
        environment.enter(node.interface, kept.get("home", environment.HOME))
        _alone(sys.argv[1], node, sys.argv[5])
        return
    request = json.loads(sys.stdin.buffer.readline())
    try:
        environment.enter(node_of(request).interface, request["env_dir"])
        answer = VERBS[request["verb"]](request)
    except Refusal as refusal:
        answer = refusal.answer
    except OSError as error:
        answer = from_os(error).answer
    with contextlib.suppress(OSError):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _alone(word: str, node: Node, token: str) -> None:
    """What the program does on the node without anybody who asks."""
    if word == "boot":
        deployment.at_boot(node, token)
        return
    if word == "detach":
        _detach()
    deployment.watch(node, token)


def _detach() -> None:
    """Goes on as a process that belongs to no session and no terminal."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)


def facts(request: dict[str, Any]) -> dict[str, Any]:
    """Everything that the controller decides by; changes nothing."""
    node = node_of(request)
    content = read(node.conf)
    state = node.load()
    if content is not None and os.path.islink(node.conf):
        raise Refusal(node.conf + " is a link: something else manages it", kind="foreign")
    deployed: dict[str, Any] = state.get("deployed") or {}
    last = read(os.path.join(node.home, "deployed.conf")) if deployed else None
    return {
        "python": list(sys.version_info[:3]),
        "uid": os.geteuid(),
        "tools": {name: shutil.which(name) for name in TOOLS},
        "systemd": units.runs(),
        "kernel": kernel_wireguard(),
        "target": target_facts(node.conf_dir),
        "state": target_facts(node.state_dir),
        "sha": sha(content),
        "conf": None if content is None else redact(content.decode("utf-8", "replace"),
                                                    request["salt"]),
        "node_sha": sha(read(node.facts)),
        "deployed_sha": deployed.get("sha", ""),
        "deployed_env": deployed.get("env"),
        "deployed": None if last is None else redact(last.decode("utf-8", "replace"),
                                                     request["salt"]),
        "pending": deployment.pending(node, state),
        "phase": state["phase"],
        "running": running(node),
        "environment": environment.facts(node.interface, request["env_dir"]),
        "enabled": units.enabled(node),
    }  # fmt: skip


def keygen(request: dict[str, Any]) -> dict[str, Any]:
    """The public key of the private key at `path`, which is made when there is none."""
    path = request["path"]
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
        raise Refusal(f"{path} is not a private key", "`wg genkey` makes one", "key")
    return {"made": made, "public_key": base64.b64encode(public_of(private)).decode()}


def install(request: dict[str, Any]) -> dict[str, Any]:
    """meshc itself, from the archive behind the request."""
    return environment.install(request, sys.stdin.buffer)


VERBS = {
    "facts": facts,
    "install": install,
    "remove_unused": environment.remove_unused,
    "arm": deployment.arm,
    "apply": deployment.apply,
    "check": deployment.check,
    "commit": deployment.commit,
    "rollback": deployment.rollback,
    "adopt": deployment.adopt,
    "keygen": keygen,
}


def public_of(private: bytes) -> bytes:
    """X25519(private, 9), RFC 7748 section 5, for nodes without wg."""
    prime = 2**255 - 19
    scalar = int.from_bytes(private, "little") & ~7 & ~(128 << 8 * 31) | (64 << 8 * 31)
    x1, x2, z2, x3, z3, swap = 9, 1, 0, 9, 1, 0
    for at in range(254, -1, -1):
        bit = scalar >> at & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a % prime, c * b % prime, a * a % prime, b * b % prime
        x3, z3 = (da + cb) ** 2 % prime, x1 * (da - cb) ** 2 % prime
        x2, z2 = aa * bb % prime, (aa - bb) * (aa + 121665 * (aa - bb)) % prime
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, prime - 2, prime) % prime).to_bytes(32, "little")
