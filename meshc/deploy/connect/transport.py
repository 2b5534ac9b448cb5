"""How commands reach a node: on this machine or over SSH, always as an argument list.

Nothing from a topology file is ever part of a command line. What a node needs to know travels on
standard input as data.
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import Process
from collections.abc import Sequence
from typing import Protocol

from meshc.deploy.protocol_json import ANSWER_LIMIT
from meshc.errors import NodeError
from meshc.render.report.text import visible
from meshc.values import dataclass

MOST = ANSWER_LIMIT + (64 << 10)
"""Bytes of output that are taken from a node: an answer, and what login scripts say before it."""
_COMPLAINT = 2000
_PART = 64 << 10


class TransportError(NodeError):
    """The node could not be reached or refused us; `hint` says what to do."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished command left behind."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def complaint(self) -> str:
        """The last lines of its complaint, for a message: nothing in it moves a cursor."""
        lines = self.stderr[-_COMPLAINT:].decode("utf-8", "replace").strip().splitlines()
        return "\n".join(visible(line) for line in lines[-4:])


class Transport(Protocol):
    """A connection to one node. `run` may be called many times; `close` ends it."""

    name: str

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 30) -> Result:
        """Runs a command to its end. Raises: TransportError when the connection breaks or the
        command does not end in `timeout` seconds."""
        ...

    async def close(self) -> None: ...


class OutputStream(Protocol):
    """What a command prints, as it comes."""

    async def read(self, n: int) -> bytes: ...


async def collected(name: str, *streams: OutputStream) -> tuple[bytes, ...]:
    """All that each of them says, to its end. Raises: TransportError for more than `MOST`."""

    async def one(stream: OutputStream) -> bytes:
        parts, size = [], 0
        while part := await stream.read(_PART):
            parts.append(part)
            size += len(part)
            if size > MOST:
                raise TransportError(
                    f"{name}: the node says more than {MOST >> 20} MiB, which is no answer",
                    hint="log in and look what its login shell, or its python3, prints",
                )
        return b"".join(parts)

    tasks = [asyncio.create_task(one(stream)) for stream in streams]
    try:
        return tuple(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


class LocalTransport:
    """This machine."""

    def __init__(self, name: str = "this machine") -> None:
        self.name = name

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 30) -> Result:
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise TransportError(f"{self.name}: {argv[0]}: {error.strerror}") from None
        try:
            stdout, stderr = await asyncio.wait_for(self._talk(process, stdin), timeout)
        except TimeoutError:
            raise TransportError(
                f"{self.name}: {argv[0]} did not end in {timeout:g} s", hint="look at the node"
            ) from None
        finally:
            if process.returncode is None:
                process.kill()
                with contextlib.suppress(TimeoutError):  # what nobody reads any more never ends
                    await asyncio.wait_for(process.wait(), 1)
        return Result(process.returncode or 0, stdout, stderr)

    async def _talk(self, process: Process, stdin: bytes) -> tuple[bytes, ...]:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None

        async def tell(to: asyncio.StreamWriter) -> None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its status says why
                to.write(stdin)
                await to.drain()
            to.close()

        telling = asyncio.create_task(tell(process.stdin))
        try:
            said = await collected(self.name, process.stdout, process.stderr)
            await process.wait()
        finally:
            telling.cancel()
        return said

    async def close(self) -> None:
        """Nothing to end."""
