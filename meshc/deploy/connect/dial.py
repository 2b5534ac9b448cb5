"""Opens connections to nodes: over SSH, or to this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from meshc.deploy.connect.node_session import NodeSession
from meshc.deploy.connect.transport import LocalTransport
from meshc.deploy.plan.target import Target
from meshc.secret import SecretText


class Dial(Protocol):
    """A new connection to the node of a target, every time. Raises: TransportError."""

    async def __call__(self, target: Target, *, timeout: float = 15.0) -> NodeSession: ...


@dataclass
class Dialer:
    """The way an operator's machine reaches nodes. `password` is for sudo; `local` means that
    every target is this machine."""

    config: Path | None = None
    known_hosts: Path | None = None
    password: SecretText | None = None
    local: bool = False

    async def __call__(self, target: Target, *, timeout: float = 15.0) -> NodeSession:
        deploy = target.plan.spec.deploy
        if self.local:
            return NodeSession(
                LocalTransport(target.name),
                target.plan.interface,
                become=deploy.become,
                password=self.password,
            )
        from meshc.deploy.connect.ssh import SshTarget, connect

        transport = await connect(
            SshTarget(
                target.name,
                target.host,
                deploy.user,
                deploy.port,
                self.config,
                self.known_hosts,
            ),
            timeout=timeout,
        )
        return NodeSession(
            transport, target.plan.interface, become=deploy.become, password=self.password
        )
