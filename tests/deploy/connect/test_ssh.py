"""What a command over SSH leaves behind, also when it has ended before it was told anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import asyncssh
import pytest

from meshc.deploy.connect.ssh import SshTransport
from meshc.deploy.connect.transport import Result, TransportError

Meanwhile = Callable[[asyncssh.SSHClientConnection, Any], Coroutine[Any, Any, None]]
GRACE = 60


class Anybody(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


class Delayed:
    """A connection on which something happens between the start of a command and its input."""

    def __init__(self, connection: asyncssh.SSHClientConnection, meanwhile: Meanwhile) -> None:
        self.connection, self.meanwhile = connection, meanwhile

    async def create_process(self, *args: Any, **options: Any) -> Any:
        process = await self.connection.create_process(*args, **options)
        await self.meanwhile(self.connection, process)
        return process


async def ended(connection: asyncssh.SSHClientConnection, process: Any) -> None:
    await process.wait_closed()


async def cut(connection: asyncssh.SSHClientConnection, process: Any) -> None:
    connection.abort()
    await connection.wait_closed()


async def nothing(connection: asyncssh.SSHClientConnection, process: Any) -> None:
    pass


async def refuses(process: Any) -> None:
    process.stderr.write("sh: python3: not found\n")
    process.exit(127)


async def echoes(process: Any) -> None:
    process.stdout.write(await process.stdin.read())
    process.exit(0)


def run(program: Callable[[Any], Any], meanwhile: Meanwhile, stdin: bytes) -> Result:
    async def main() -> Result:
        server = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=Anybody,
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            process_factory=program,
        )
        async with server:
            connection = await asyncssh.connect(
                "127.0.0.1",
                server.get_port(),
                known_hosts=None,
                config=None,
                username="x",
                client_keys=None,
            )
            async with connection:
                there: Any = Delayed(connection, meanwhile)
                return await SshTransport("hub", there).run(["python3", "-"], stdin=stdin)

    return asyncio.run(asyncio.wait_for(main(), GRACE))


def test_input_arrives_whole() -> None:
    text = b"x" * 1_000_000
    assert run(echoes, nothing, text) == Result(0, text, b"")
    assert run(echoes, nothing, b"") == Result(0, b"", b"")


def test_a_program_that_ends_before_its_input_is_told_by_its_status() -> None:
    assert run(refuses, ended, b"print()") == Result(127, b"", b"sh: python3: not found\n")


def test_a_connection_that_breaks_is_told() -> None:
    with pytest.raises(TransportError, match="hub: the connection broke"):
        run(echoes, cut, b"print()")
