"""What a command over SSH leaves behind, also when it has ended before it was told anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from meshc.deploy.connect.ssh import SshTarget, SshTransport, connect
from meshc.deploy.connect.transport import Result, TransportError

Meanwhile = Callable[[asyncssh.SSHClientConnection, Any], Coroutine[Any, Any, None]]
GRACE = 60


class Anybody(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


class Jump(Anybody):
    """Goes on to wherever it is asked to."""

    def connection_requested(self, *_: Any) -> bool:
        return True


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


async def floods(process: Any) -> None:
    for _ in range(1000):
        process.stdout.write("x" * 1_000_000)
        await process.stdout.drain()
    process.exit(0)


def test_a_node_that_never_stops_talking_is_cut_off() -> None:
    with pytest.raises(TransportError, match="hub: the node says more than 4 MiB"):
        run(floods, nothing, b"")


async def tells(process: Any) -> None:
    channel = process.channel
    agent = channel.get_connection().get_agent_path()
    process.stdout.write(f"terminal={process.term_type} agent={agent} said={process.command}")
    process.exit(0)


@asynccontextmanager
async def two(home: Path, program: Any, *, knows: tuple[str, ...]) -> AsyncIterator[SshTarget]:
    """A node behind a jump host, and what ssh_config says of them; `knows` whose keys are known."""
    keys = {name: asyncssh.generate_private_key("ssh-ed25519") for name in ("jump", "node")}
    options: dict[str, Any] = {"process_factory": program, "agent_forwarding": True}
    jump = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=Jump, server_host_keys=[keys["jump"]]
    )
    node = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=Anybody, server_host_keys=[keys["node"]], **options
    )
    ports = {"jump": jump.get_port(), "node": node.get_port()}
    config, known = home / "config", home / "known"
    config.write_text(
        f"""Host jump
  HostName 127.0.0.1
  Port {ports["jump"]}
Host node
  HostName 127.0.0.1
  Port {ports["node"]}
  ProxyJump jump
Host *
  User joe
  IdentityFile none
  ForwardAgent yes
  RequestTTY force
  RemoteCommand cat
  UserKnownHostsFile none
"""
    )
    known.write_text(
        "".join(
            f"[127.0.0.1]:{ports[name]} {keys[name].export_public_key().decode()}" for name in knows
        )
    )
    async with jump, node:
        yield SshTarget("hub", "node", config=config, known_hosts=known)


def through(home: Path, *, knows: tuple[str, ...], stop: bool = False) -> Result:
    async def main() -> Result:
        async with two(home, tells, knows=knows) as target:
            if stop:
                text = target.config.read_text() if target.config else ""
                (home / "config").write_text(text.replace("Host jump\n", "Host jump\n  Port 1\n"))
            transport = await connect(target)
            try:
                return await transport.run(["true"])
            finally:
                await transport.close()

    return asyncio.run(asyncio.wait_for(main(), GRACE))


def test_ssh_config_turns_on_neither_agent_nor_terminal_nor_another_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator's agent in the hands of a node is a way to every other node."""
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    said = through(tmp_path, knows=("jump", "node")).stdout
    assert said == b"terminal=None agent=None said=true"


def test_a_jump_host_is_blamed_for_what_fails_there(tmp_path: Path) -> None:
    with pytest.raises(TransportError, match=r"the host key of jump .the way to node. is not"):
        through(tmp_path, knows=("node",))
    with pytest.raises(TransportError, match="hub: the host key of node is not"):
        through(tmp_path, knows=("jump",))
    with pytest.raises(TransportError, match=r"hub: cannot reach jump .the way to node.") as told:
        through(tmp_path, knows=("jump", "node"), stop=True)
    assert "the port of jump in ssh_config" in told.value.hint


def test_jump_hosts_that_lead_to_each_other_end(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n")
    with pytest.raises(TransportError, match="lead to each other"):
        asyncio.run(connect(SshTarget("hub", "a", config=config)))
