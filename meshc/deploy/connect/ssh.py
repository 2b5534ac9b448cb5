"""The SSH transport: ssh_config, agent and ProxyJump honoured, host keys strictly checked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshc.deploy.connect.transport import Result, TransportError
from meshc.values import dataclass

if TYPE_CHECKING:
    import asyncssh

CONNECT_TIMEOUT = 15.0


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
            done = await asyncio.wait_for(self._run(command, stdin), timeout)
        except TimeoutError:
            raise TransportError(
                f"{self.name}: {argv[0]} did not end in {timeout:g} s", hint="look at the node"
            ) from None
        except (asyncssh.Error, OSError) as error:
            raise TransportError(f"{self.name}: the connection broke: {error}") from None
        code = done.exit_status
        return Result(-1 if code is None else code, _bytes(done.stdout), _bytes(done.stderr))

    async def _run(self, command: str, stdin: bytes) -> asyncssh.SSHCompletedProcess:
        process = await self._connection.create_process(command, encoding=None)
        unheard: BrokenPipeError | None = None
        try:
            process.stdin.write(stdin)
            process.stdin.write_eof()
        except BrokenPipeError as error:
            unheard = error
        done = await process.wait()
        # a program that is not there has ended before it is told anything: its status says so
        if unheard is not None and done.exit_status is None:
            raise unheard
        return done

    async def close(self) -> None:
        self._connection.close()
        with contextlib.suppress(TimeoutError):  # the new configuration may have cut it
            await asyncio.wait_for(self._connection.wait_closed(), 1)


async def connect(target: SshTarget, *, timeout: float = CONNECT_TIMEOUT) -> SshTransport:
    """Opens a connection. Raises: TransportError, which says what to do."""
    import asyncssh

    config = target.config or Path.home() / ".ssh" / "config"
    options: dict[str, Any] = {"config": [str(config)] if config.is_file() else None}
    if target.user is not None:
        options["username"] = target.user
    if target.port is not None:
        options["port"] = target.port
    if target.known_hosts is not None:
        options["known_hosts"] = str(target.known_hosts)
    try:
        connection = await asyncio.wait_for(
            asyncssh.connect(target.host, keepalive_interval=10, **options), timeout
        )
    except TimeoutError:
        raise _unreachable(target, "no answer") from None
    except asyncssh.HostKeyNotVerifiable as error:
        raise _wrong_host_key(target, error) from None
    except asyncssh.PermissionDenied as error:
        raise TransportError(
            f"{target.name}: {target.host} refused the login: {error.reason}",
            hint="`ssh` to the node must work without a password: load a key into the agent, or "
            "set deploy.user",
        ) from None
    except OSError as error:
        if error.filename:
            raise TransportError(
                f"{target.name}: cannot read {error.filename}: {error.strerror}",
                hint="look at IdentityFile and the like in ssh_config",
            ) from None
        known = error.errno is not None and error.errno > 0  # names that do not resolve: below
        why = os.strerror(error.errno or 0) if known else error.strerror
        raise _unreachable(target, why or str(error)) from None
    except asyncssh.Error as error:
        raise _unreachable(target, str(error)) from None
    return SshTransport(target.name, connection)


def _wrong_host_key(target: SshTarget, error: Exception) -> TransportError:
    """Another key than before is an alarm; no key at all is the first visit."""
    import asyncssh

    file = target.known_hosts or Path.home() / ".ssh" / "known_hosts"
    port = target.port or 22
    known = file.is_file() and asyncssh.match_known_hosts(str(file), target.host, "", port)[0]
    if known:
        return TransportError(
            f"{target.name}: the host key of {target.host} is not the one in {file}: {error}",
            hint="if the node was reinstalled, remove the old key with `ssh-keygen -R` and accept "
            "the new one with `ssh`; else somebody may be listening in",
        )
    return TransportError(
        f"{target.name}: the host key of {target.host} is not in {file}: {error}",
        hint="log in once with `ssh` and compare the fingerprint that it shows with the node's own "
        "(there: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub); or remove the old key with "
        "`ssh-keygen -R` where the node is known by another name",
    )


def _unreachable(target: SshTarget, why: str) -> TransportError:
    return TransportError(
        f"{target.name}: cannot reach {target.host}: {why}",
        hint="check deploy.host and deploy.port; `ssh` to the node must work from here",
    )


def _bytes(data: object) -> bytes:
    return data if isinstance(data, bytes) else str(data or "").encode()
