"""The SSH transport: ssh_config, agent and ProxyJump honoured, host keys strictly checked."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshc.deploy.connect.hops import (
    MOST_HOPS,
    SYSTEM_CONFIG,
    LoginHop,
    hops,
    known_hosts_files,
    told,
    unreachable,
)
from meshc.deploy.connect.transport import Result, TransportError, collected
from meshc.values import dataclass

if TYPE_CHECKING:
    import asyncssh

CONNECT_TIMEOUT = 15.0
QUIET: dict[str, Any] = {
    "agent_forwarding": False,
    "x11_forwarding": False,
    "request_pty": False,
    "gss_delegate_creds": False,
}
"""What no ssh_config turns on: a node gets no way to the operator's keys, and commands run without
a terminal, on which they would wait for somebody who types."""


@dataclass(frozen=True, slots=True)
class SshTarget:
    """Where to log in; None leaves a value to ssh_config. `config` and `known_hosts` are for
    setups that keep them elsewhere than in ~/.ssh."""

    name: str
    host: str
    user: str | None = None
    port: int | None = None
    config: Path | None = None
    known_hosts: Path | None = None


class SshTransport:
    """One SSH connection. Made by `connect`."""

    def __init__(self, name: str, connection: asyncssh.SSHClientConnection) -> None:
        self.name = name
        self._connection = connection

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 30) -> Result:
        import asyncssh

        # The SSH protocol carries one string and the login shell splits it (RFC 4254 section
        # 6.5): quoting every word makes the split give back exactly this list.
        command = shlex.join(argv)
        try:
            return await asyncio.wait_for(self._run(command, stdin), timeout)
        except TimeoutError:
            raise TransportError(
                f"{self.name}: {argv[0]} did not end in {timeout:g} s", hint="look at the node"
            ) from None
        except (asyncssh.Error, OSError) as error:
            raise TransportError(f"{self.name}: the connection broke: {error}") from None

    async def _run(self, command: str, stdin: bytes) -> Result:
        process = await self._connection.create_process(command, encoding=None)
        unheard: BrokenPipeError | None = None
        try:
            try:
                process.stdin.write(stdin)
                process.stdin.write_eof()
            except BrokenPipeError as error:
                unheard = error
            stdout, stderr = await collected(self.name, process.stdout, process.stderr)
            await process.wait_closed()
        finally:
            process.close()
        # a program that is not there has ended before it is told anything: its status says so
        if unheard is not None and process.exit_status is None:
            raise unheard
        code = process.exit_status
        return Result(-1 if code is None else code, stdout, stderr)

    async def close(self) -> None:
        self._connection.close()
        with contextlib.suppress(TimeoutError):  # the new configuration may have cut it
            await asyncio.wait_for(self._connection.wait_closed(), 1)


async def connect(target: SshTarget, *, timeout: float = CONNECT_TIMEOUT) -> SshTransport:
    """Opens a connection, through the jump hosts that ssh_config names. Raises: TransportError,
    which says at which of them it failed, and what to do."""
    reached = [LoginHop(target.host, target.user, target.port)]
    try:
        connection = await asyncio.wait_for(_open(target, reached[0], reached), timeout)
    except TimeoutError:
        raise unreachable(target.name, reached[-1], "no answer", reached[0]) from None
    return SshTransport(target.name, connection)


def hosts_on_the_way(target: SshTarget) -> tuple[str, ...]:
    """Where connections go to, by ssh_config: the jump hosts, then the node. What is wrong in
    ssh_config is said by the connection."""
    import asyncssh

    found: list[str] = []

    def follow(hop: LoginHop) -> None:
        # no key and no agent is looked for: nobody is logged in to
        own: dict[str, Any] = {"client_keys": None, "known_hosts": None, "agent_path": None}
        known = asyncssh.SSHClientConnectionOptions(
            host=hop.host, **{**_options(target, hop), **own}
        )
        if len(found) < MOST_HOPS and isinstance(known.tunnel, str):
            for jump in hops(known.tunnel) if known.tunnel.lower() != "none" else ():
                follow(jump)
        found.append(known.host)

    with contextlib.suppress(asyncssh.Error, OSError, ValueError, RecursionError):
        follow(LoginHop(target.host, target.user, target.port))
    return tuple(found) or (target.host,)


async def _open(
    target: SshTarget,
    hop: LoginHop,
    reached: list[LoginHop],
    via: asyncssh.SSHClientConnection | None = None,
) -> asyncssh.SSHClientConnection:
    """One hop, and before it those that lead there. `reached` ends with the one that is tried."""
    import asyncssh

    own = _options(target, hop)
    try:
        if len(reached) > MOST_HOPS:
            raise ValueError(f"more than {MOST_HOPS} jump hosts: they lead to each other")
        known = await asyncssh.SSHClientConnectionOptions.construct(host=hop.host, **own)
        own["known_hosts"] = known_hosts_files(known.known_hosts, target.known_hosts)
        if via is None and isinstance(known.tunnel, str) and known.tunnel.lower() != "none":
            for jump in hops(known.tunnel):
                reached.append(jump)
                via = await _open(target, jump, reached, via)
        reached.append(hop)
        connection = await asyncssh.connect(
            hop.host, tunnel=via, keepalive_interval=10, **own, **QUIET
        )
    except BaseException as error:
        if via is not None:
            via.close()
        if isinstance(error, (asyncssh.Error, OSError, ValueError)):
            raise told(target.name, hop, reached[0], error, own.get("known_hosts") or []) from None
        raise
    connection.set_tunnel(via)  # and is closed with it
    return connection


def _options(target: SshTarget, hop: LoginHop) -> dict[str, Any]:
    """As ssh reads its configuration: a file that is named is the only one (ssh(1), -F)."""
    own = target.config or Path.home() / ".ssh" / "config"
    found = [str(path) for path in (own, *(() if target.config else (SYSTEM_CONFIG,)))
             if path.is_file()]  # fmt: skip
    options: dict[str, Any] = {"config": found or None}
    if hop.user is not None:
        options["username"] = hop.user
    if hop.port is not None:
        options["port"] = hop.port
    return options
