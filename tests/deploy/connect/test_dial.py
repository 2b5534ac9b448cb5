"""A dialer opens the connection that a target wants: SSH to a known host, or none at all."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from meshc.deploy.connect.dial import Dialer
from meshc.deploy.connect.transport import LocalTransport, Result, TransportError
from meshc.deploy.plan.target import Target
from meshc.deploy.protocol import AskFacts
from meshc.secret import SecretText
from tests.support.specs import node, plan, spec

HOST = "127.0.0.1"


class Anybody(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


async def whoami(process: Any) -> None:
    process.stdout.write(process.get_extra_info("username"))
    process.exit(0)


def target(port: int = 22) -> Target:
    mesh = plan(spec([node("hub", endpoint="192.0.2.1"), node("leaf")]))
    hub = mesh.nodes["hub"]
    way = replace(hub.spec.deploy, host=HOST, user="joe", port=port)
    return Target(replace(hub, spec=replace(hub.spec, deploy=way)), SecretText(""))


@asynccontextmanager
async def server(directory: Path) -> AsyncIterator[tuple[int, Path]]:
    """Its port, and a file that knows its key."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    listening = await asyncssh.listen(
        HOST, 0, server_factory=Anybody, server_host_keys=[key], process_factory=whoami
    )
    async with listening:
        port = listening.get_port()
        known = directory / "known_hosts"
        known.write_text(f"[{HOST}]:{port} {key.export_public_key().decode()}")
        yield port, known


async def asked(dialer: Dialer, port: int) -> Result:
    session = await dialer(target(port))
    try:
        assert session.interface == "wg0"
        return await session.transport.run(["whoami"])
    finally:
        await session.transport.close()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Instead of the one of whoever runs the tests."""
    file = tmp_path / "ssh_config"
    file.write_text("IdentityFile none\nIdentityAgent none\n")
    return file


def test_ssh_goes_to_host_user_and_port_of_the_target(tmp_path: Path, config: Path) -> None:
    async def main() -> Result:
        async with server(tmp_path) as (port, known):
            return await asked(Dialer(config, known), port)

    assert asyncio.run(main()) == Result(0, b"joe", b"")


def test_a_host_whose_key_is_not_known_is_not_talked_to(tmp_path: Path, config: Path) -> None:
    async def main() -> None:
        async with server(tmp_path) as (port, known):
            known.write_text("")
            await asked(Dialer(config, known), port)

    with pytest.raises(TransportError, match="hub: ") as told:
        asyncio.run(main())
    assert "ssh" in told.value.hint


def test_a_port_where_nobody_listens_is_told(tmp_path: Path, config: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))  # not listening, and nobody else gets it
        with pytest.raises(TransportError, match=r"hub: .*127\.0\.0\.1.*Connection refused"):
            asyncio.run(asked(Dialer(config, tmp_path / "none"), taken.getsockname()[1]))


def test_local_is_this_machine_whatever_host_the_target_has() -> None:
    async def main() -> None:
        session = await Dialer(local=True)(target(1))
        assert isinstance(session.transport, LocalTransport)
        facts = await session.call(AskFacts("salt"))
        assert facts.uid == os.geteuid()

    asyncio.run(main())


def test_the_password_is_not_shown() -> None:
    assert "pass word" not in repr(Dialer(passwords={"hub": SecretText("pass word")}))


def test_a_password_goes_to_no_node_but_the_one_that_asked_for_it() -> None:
    dialer = Dialer(local=True, passwords={"other": SecretText("pass word")})
    session = asyncio.run(dialer(target(1)))
    assert session.password is None


@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
def test_a_node_that_moves_is_reached_where_it_is(tmp_path: Path, config: Path, old: bool) -> None:
    """At its new address or, before this very deploy, at the old one; whichever answers."""

    async def both() -> Result:
        async with server(tmp_path) as (port, known):
            moved = target(port)
            way = moved.plan.spec.deploy
            nowhere = replace(way, port=_closed())
            here = replace(moved.plan.spec, deploy=nowhere if old else way)
            moved = replace(
                moved,
                plan=replace(moved.plan, spec=here),
                old_way=way if old else nowhere,
            )
            session = await Dialer(config, known)(moved)
            try:
                return await session.transport.run(["whoami"])
            finally:
                await session.transport.close()

    assert asyncio.run(both()).stdout == b"joe"


def _closed() -> int:
    """A port at which nobody is."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])
