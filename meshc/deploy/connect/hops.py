"""The hops of a way over SSH: the node, the jump hosts before it, and which of them is to blame."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from meshc.deploy.connect.transport import TransportError
from meshc.render.report.text import visible

MOST_HOPS = 16
SYSTEM_CONFIG = Path("/etc/ssh/ssh_config")
_SYSTEM_HOSTS = (Path("/etc/ssh/ssh_known_hosts"), Path("/etc/ssh/ssh_known_hosts2"))


class LoginHop(NamedTuple):
    """A machine that is logged in to; None leaves a value to ssh_config."""

    host: str
    user: str | None = None
    port: int | None = None


def hops(jumps: str) -> list[LoginHop]:
    """The words of ProxyJump (ssh_config(5)): `[user@]host[:port],...`, an IPv6 address with a
    port in brackets. Raises: ValueError."""
    found = []
    for word in jumps.split(","):
        user, _, rest = word.strip().removeprefix("ssh://").rpartition("@")
        host, _, port = rest.rpartition(":")
        if not host or "]" in port or (":" in host and not host.startswith("[")):
            host, port = rest, ""
        found.append(LoginHop(host.strip("[]"), user or None, int(port) if port else None))
    return found


def known_hosts_files(configured: object, named: Path | None) -> list[str]:
    """The files with the keys of hosts, those that are there: the one that is named, else those of
    ssh_config, else the usual ones. Never none at all: asyncssh would ask no host for its key."""
    if named is not None:
        files = [named]
    else:
        words = configured if isinstance(configured, list) else []
        own = [Path.home() / ".ssh" / name for name in ("known_hosts", "known_hosts2")]
        files = [Path(str(word)).expanduser() for word in words] or own
        files += [file for file in _SYSTEM_HOSTS if file not in files]
    readable = [str(file) for file in files if file.is_file() and os.access(file, os.R_OK)]
    return readable or [os.devnull]


def told(
    name: str, hop: LoginHop, last: LoginHop, error: Exception, known_hosts: Sequence[str]
) -> TransportError:
    """What went wrong at this hop on the way to the `last`, and what to do."""
    import asyncssh

    if isinstance(error, TransportError):
        return error
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return _wrong_host_key(name, hop, last, error, known_hosts)
    if isinstance(error, asyncssh.PermissionDenied):
        return TransportError(
            f"{name}: {_place(hop, last)} refused the login: {visible(error.reason)}",
            hint="`ssh` to the node must work without a password: load a key into the agent, or "
            f"set {_key(hop, last, 'user')}",
        )
    if isinstance(error, OSError):
        if error.filename:
            return TransportError(
                f"{name}: cannot read {error.filename}: {error.strerror}",
                hint="look at IdentityFile and the like in ssh_config",
            )
        known = error.errno is not None and error.errno > 0  # names that do not resolve: below
        why = os.strerror(error.errno or 0) if known else error.strerror
        return unreachable(name, hop, why or str(error), last)
    if isinstance(error, asyncssh.Error):
        return unreachable(name, hop, str(error), last)
    return TransportError(
        f"{name}: ssh cannot be set up for {_place(hop, last)}: {visible(str(error))}",
        hint="look at ssh_config and at the keys that it names; a key with a passphrase belongs "
        "into the agent",
    )


def unreachable(name: str, hop: LoginHop, why: str, last: LoginHop) -> TransportError:
    return TransportError(
        f"{name}: cannot reach {_place(hop, last)}: {visible(why)}",
        hint=f"check {_key(hop, last, 'host')} and {_key(hop, last, 'port')}; `ssh` to the node "
        "must work from here",
    )


def _place(hop: LoginHop, last: LoginHop) -> str:
    return hop.host if hop == last else f"{hop.host} (the way to {last.host})"


def _key(hop: LoginHop, last: LoginHop, key: str) -> str:
    return f"deploy.{key}" if hop == last else f"the {key} of {hop.host} in ssh_config"


def _wrong_host_key(
    name: str, hop: LoginHop, last: LoginHop, error: Exception, known_hosts: Sequence[str]
) -> TransportError:
    """Another key than before is an alarm; no key at all is the first visit."""
    import asyncssh

    port, place = hop.port or 22, _place(hop, last)
    known = [f for f in known_hosts if asyncssh.match_known_hosts(f, hop.host, "", port)[0]]
    files = ", ".join(f for f in known_hosts if f != os.devnull) or "known_hosts"
    said = visible(str(error))
    if known:
        return TransportError(
            f"{name}: the host key of {place} is not the one in {known[0]}: {said}",
            hint="if the node was reinstalled, remove the old key with `ssh-keygen -R` and accept "
            "the new one with `ssh`; else somebody may be listening in",
        )
    return TransportError(
        f"{name}: the host key of {place} is not in {files}: {said}",
        hint="log in once with `ssh` and compare the fingerprint that it shows with the node's own "
        "(there: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub); or remove the old key with "
        "`ssh-keygen -R` where the node is known by another name",
    )
