"""The files of a node's outputs, as its topology asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from meshc.diagnostics import Diagnostic
from meshc.errors import Refused
from meshc.render.artifact import Artifact
from meshc.render.outputs.ansible import ansible
from meshc.render.outputs.cloud_init import cloud_init, cloud_init_with_keys
from meshc.render.outputs.compose import compose
from meshc.render.outputs.kubernetes import kubernetes
from meshc.render.outputs.network_manager import network_manager
from meshc.render.outputs.networkd import networkd
from meshc.render.outputs.nixos import nixos
from meshc.render.outputs.tunnel import OutputFile, OutputRefusedError, Tunnel
from meshc.secret import SecretBytes
from meshc.topology.language.spec import Output
from meshc.topology.planner.mesh_plan import NodePlan

_RENDER: Mapping[Output, Callable[[Tunnel], Iterator[OutputFile]]] = MappingProxyType(
    {
        Output.NETWORKD: networkd,
        Output.NETWORKMANAGER: network_manager,
        Output.COMPOSE: compose,
        Output.CLOUD_INIT: cloud_init,
        Output.CLOUD_INIT_WITH_KEYS: cloud_init_with_keys,
        Output.NIXOS: nixos,
        Output.KUBERNETES: kubernetes,
        Output.ANSIBLE: ansible,
    }
)


def output_files(tunnel: Tunnel) -> Iterator[Artifact]:
    """In a directory of the output's name. Raises: Refused for what a program cannot do."""
    node = tunnel.node
    for output in node.spec.outputs:
        try:
            for file in _RENDER[output](tunnel):
                yield Artifact(
                    path=f"{node.name}/{output.value}/{file.name}",
                    content=SecretBytes(file.text.reveal().encode()),
                    mode=0o600 if file.secret else 0o644,
                    node=node.name,
                    purpose=file.purpose,
                    secret=file.secret,
                )
        except OutputRefusedError as refused:
            raise Refused([_refusal(node, output, refused)]) from None


def _refusal(node: NodePlan, output: Output, refused: OutputRefusedError) -> Diagnostic:
    return Diagnostic(
        "E512",
        f"{node.name}: {refused.args[0]}",
        node.spec.at("outputs"),
        path=f"nodes.{node.name}.outputs",
        hint=refused.hint or f"leave `{output.value}` out of its `outputs`",
    )
