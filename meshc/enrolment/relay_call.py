"""How a wish reaches a relay: over SSH as a deploy does, or on this machine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from meshc.agent.door_wish import fulfil, wish_text
from meshc.build.topology_file import read_spec
from meshc.deploy.connect.dial import Dial
from meshc.deploy.plan.target import Target
from meshc.deploy.protocol import Directories
from meshc.diagnostics import Diagnostics
from meshc.enrolment.door_rounds import parsed
from meshc.errors import NodeError
from meshc.keys import PublicKey
from meshc.node.machine import RUN_DIRECTORY
from meshc.secret import SecretText
from meshc.topology.planner.mesh_plan import NodePlan

_DOOR = 'PATH="$PATH:$0" exec meshc door "$1"'
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class LocalRelay:
    """The relay is this machine."""

    def __init__(self, interface: str, run_directory: Path = RUN_DIRECTORY) -> None:
        self._interface, self._run_directory = interface, run_directory

    def __call__(self, relay: str, wish: dict[str, Any]) -> Any:
        """Raises: NodeError."""
        try:
            return fulfil(self._interface, wish, self._run_directory)
        except OSError as error:
            raise NodeError(f"{error.filename}: {error.strerror}") from None


class RemoteRelay:
    """Relays of a topology, reached as its `deploy:` says."""

    def __init__(self, file: Path, dial: Dial) -> None:
        """Raises: Refused, StateError."""
        self._spec = read_spec(file, Diagnostics())
        self._dial = dial

    def __call__(self, relay: str, wish: dict[str, Any]) -> Any:
        """Raises: NodeError."""
        return asyncio.run(self._call(relay, wish))

    async def _call(self, relay: str, wish: dict[str, Any]) -> Any:
        node = self._spec.nodes.get(relay)
        if node is None or not node.deploy.host:
            raise NodeError(
                "the topology does not say how it is reached",
                hint="`deploy: {host: …}` on it; or run this on the relay itself, with --local",
            )
        interface = self._spec.network.interface
        plan = NodePlan(node, interface, PublicKey(""), (), None, 0, ())
        session = await self._dial(Target(plan, SecretText("")))
        try:
            own = f"{Directories().environments}/interfaces/{interface}/bin"
            words = ("sh", "-c", _DOOR, f"{_PATH}:{own}", interface)
            result = await session.run(words, data=wish_text(wish))
            if result.code:
                raise NodeError(
                    f"its meshc opens no doors (exit {result.code}): {result.complaint}",
                    hint="a relay that `meshc deploy` runs with meshc has one that does",
                )
            return parsed(result.stdout)
        finally:
            await session.transport.close()
