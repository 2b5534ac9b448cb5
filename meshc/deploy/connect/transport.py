"""How commands reach a node: on this machine or over SSH, always as an argument list.

Nothing from a topology file is ever part of a command line. What a node needs to know travels on
standard input as data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from meshc.errors import NodeError
from meshc.values import dataclass


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
        """The last lines of its complaint, for a message."""
        text = self.stderr.decode("utf-8", "replace").strip()
        return "\n".join(text.splitlines()[-4:])


class Transport(Protocol):
    """A connection to one node. `run` may be called many times; `close` ends it."""

    name: str

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 30) -> Result:
        """Runs a command to its end. Raises: TransportError when the connection breaks or the
        command does not end in `timeout` seconds."""
        ...

    async def close(self) -> None: ...


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
            stdout, stderr = await asyncio.wait_for(process.communicate(stdin), timeout)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise TransportError(
                f"{self.name}: {argv[0]} did not end in {timeout:g} s", hint="look at the node"
            ) from None
        return Result(process.returncode or 0, stdout, stderr)

    async def close(self) -> None:
        """Nothing to end."""
