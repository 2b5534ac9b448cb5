"""The SSH transport: ssh_config, agent and ProxyJump honoured, host keys strictly checked."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshc.deploy.transport import Result, TransportError

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
            done = await asyncio.wait_for(
                self._connection.run(command, input=stdin, encoding=None), timeout
            )
        except TimeoutError:
            raise TransportError(
                f"{self.name}: {argv[0]} did not end in {timeout:g} s", hint="look at the node"
            ) from None
        except (asyncssh.Error, OSError) as error:
            raise TransportError(f"{self.name}: the connection broke: {error}") from None
        code = done.exit_status
        return Result(-1 if code is None else code, _bytes(done.stdout), _bytes(done.stderr))

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
        raise TransportError(
            f"{target.name}: the host key of {target.host} is not the one in known_hosts: {error}",
            hint="if the node was reinstalled, remove the old key with `ssh-keygen -R` and accept "
            "the new one with `ssh`; else somebody may be listening in",
        ) from None
    except asyncssh.PermissionDenied as error:
        raise TransportError(
            f"{target.name}: {target.host} refused the login: {error.reason}",
            hint="`ssh` to the node must work without a password: load a key into the agent, or "
            "set deploy.user",
        ) from None
    except (asyncssh.Error, OSError) as error:
        raise _unreachable(target, str(error)) from None
    return SshTransport(target.name, connection)


def _unreachable(target: SshTarget, why: str) -> TransportError:
    return TransportError(
        f"{target.name}: cannot reach {target.host}: {why}",
        hint="check deploy.host and deploy.port; `ssh` to the node must work from here",
    )


def _bytes(data: object) -> bytes:
    return data if isinstance(data, bytes) else str(data or "").encode()
