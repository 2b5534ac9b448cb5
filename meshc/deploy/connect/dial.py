"""Opens connections to nodes: over SSH, or to this machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from meshc.deploy.connect.node_session import NodeSession
from meshc.deploy.connect.transport import LocalTransport, Transport, TransportError
from meshc.deploy.plan.target import Target
from meshc.secret import SecretText
from meshc.topology.language.spec import Deploy, NodeSpec


class Dial(Protocol):
    """A new connection to the node of a target, every time. Raises: TransportError."""

    async def __call__(self, target: Target, *, timeout: float = 15.0) -> NodeSession: ...


@dataclass
class Dialer:
    """The way an operator's machine reaches nodes. `passwords` are for sudo, by node: none goes to
    a node that did not ask for it. `local` means that every target is this machine; `one_password`
    that those who want a password share it."""

    config: Path | None = None
    known_hosts: Path | None = None
    passwords: dict[str, SecretText] = field(default_factory=dict)
    local: bool = False
    one_password: bool = False

    def hosts(self, spec: NodeSpec) -> tuple[str, ...]:
        """The addresses or names that a connection to a node goes to, those of jump hosts first."""
        if not spec.deploy.host:
            return ()
        if self.local:
            return (spec.deploy.host,)
        from meshc.deploy.connect.ssh import SshTarget, hosts_on_the_way

        deploy = spec.deploy
        return hosts_on_the_way(
            SshTarget(spec.name, spec.deploy.host, deploy.user, deploy.port, self.config)
        )

    async def __call__(self, target: Target, *, timeout: float = 15.0) -> NodeSession:
        deploy = target.plan.spec.deploy
        if self.local:
            return self._session(target, LocalTransport(target.name), become=deploy.become)
        if target.old_way is None:
            return await self._to(target, deploy, timeout)
        return await _first(
            [self._to(target, way, timeout) for way in (deploy, target.old_way)],
        )

    async def _to(self, target: Target, way: Deploy, timeout: float) -> NodeSession:
        from meshc.deploy.connect.ssh import SshTarget, connect

        transport = await connect(
            SshTarget(
                target.name, way.host or "", way.user, way.port, self.config, self.known_hosts
            ),
            timeout=timeout,
        )
        return self._session(target, transport, become=way.become)

    def _session(self, target: Target, transport: Transport, *, become: bool) -> NodeSession:
        password = self.passwords.get(target.name)
        return NodeSession(transport, target.plan.interface, become=become, password=password)


async def _first(ways: Sequence[Coroutine[Any, Any, NodeSession]]) -> NodeSession:
    """The connection that stands first. Raises: TransportError of the first way."""
    tasks = [asyncio.create_task(way) for way in ways]
    taken: NodeSession | None = None
    try:
        for task in asyncio.as_completed(tasks):
            with contextlib.suppress(TransportError):
                taken = await task
                return taken
        return tasks[0].result()
    finally:
        for one in tasks:
            one.cancel()
        for found in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(found, NodeSession) and found is not taken:
                await found.transport.close()
