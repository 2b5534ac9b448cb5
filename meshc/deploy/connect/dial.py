"""Opens connections to nodes: over SSH, or to this machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from meshc.deploy.connect.node_session import NodeSession
from meshc.deploy.connect.transport import LocalTransport
from meshc.deploy.plan.target import Target
from meshc.secret import SecretText
from meshc.topology.language.spec import NodeSpec


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
            return NodeSession(
                LocalTransport(target.name),
                target.plan.interface,
                become=deploy.become,
                password=self.passwords.get(target.name),
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
            transport,
            target.plan.interface,
            become=deploy.become,
            password=self.passwords.get(target.name),
        )
