"""All files of a plan but the manifest, one node after the other, never all in memory."""

from __future__ import annotations

from meshc.render import hosts
from meshc.render.artifact import Artifact
from meshc.render.node_json import FactsRenderer
from meshc.render.node_secrets import Secrets
from meshc.render.openwrt_script import openwrt
from meshc.render.routeros_script import routeros
from meshc.render.wgquick import WgQuickRenderer, generated_hooks
from meshc.secret import SecretBytes, SecretText
from meshc.topology.language.spec import Platform
from meshc.topology.obligations.reach_record import record
from meshc.topology.planner.mesh_plan import MeshPlan, NodePlan

_HOW = {
    Platform.LINUX: "wg-quick(8) file; goes to /etc/wireguard/",
    Platform.MACOS: "tunnel file for the WireGuard app of macOS (Import Tunnel)",
    Platform.WINDOWS: "tunnel file for the WireGuard app of Windows (Import Tunnel)",
    Platform.IOS: "tunnel file for the WireGuard app of iOS (scan it as a QR code)",
    Platform.ANDROID: "tunnel file for the WireGuard app of Android (scan it as a QR code)",
    Platform.OPENWRT: "the settings of the script beside it, in the format of wg-quick(8)",
    Platform.ROUTEROS: "the settings of the script beside it, in the format of wg-quick(8)",
}
_SCRIPTS = {
    Platform.OPENWRT: (openwrt, ".openwrt.sh", "run it on the router: sh WG.openwrt.sh"),
    Platform.ROUTEROS: (routeros, ".rsc", "run it on the router: /import WG.rsc"),
}

REACH_RECORD = "policies.json"


class MeshRenderer:
    """The files of one plan, node by node; what nodes have in common is rendered once."""

    def __init__(self, plan: MeshPlan, secrets: Secrets) -> None:
        self._plan = plan
        self._secrets = secrets
        self._conf = WgQuickRenderer(plan, secrets)
        self._facts = FactsRenderer(plan)

    def node(self, node: NodePlan) -> tuple[Artifact, ...]:
        """The wg-quick file first; nothing for a node that meshc does not manage.

        Raises: Refused.
        """
        if not node.spec.managed:
            return ()
        hooks = generated_hooks(node, self._plan.spec.network.pools)
        conf = Artifact(
            path=conf_path(node),
            content=SecretBytes(self._conf.render(node, hooks)),
            mode=0o600,
            node=node.name,
            purpose=_HOW[node.spec.platform],
            secret=True,
        )
        about = Artifact(
            path=f"{node.name}/node.json",
            content=SecretBytes(self._facts.render(node, hooks).encode()),
            mode=0o644,
            node=node.name,
            purpose="facts about the node for meshc up, status and lab",
            secret=False,
        )
        return conf, about, *self._script(node), *self._outputs(node, conf)

    def _script(self, node: NodePlan) -> tuple[Artifact, ...]:
        """What a router without wg-quick runs."""
        if node.spec.platform not in _SCRIPTS:
            return ()
        render, suffix, purpose = _SCRIPTS[node.spec.platform]
        script = Artifact(
            path=f"{node.name}/{node.interface}{suffix}",
            content=SecretBytes(render(self._plan, node, self._secrets).encode()),
            mode=0o600,
            node=node.name,
            purpose=purpose,
            secret=True,
        )
        return (script,)

    def _outputs(self, node: NodePlan, conf: Artifact) -> tuple[Artifact, ...]:
        """The same tunnel for what else the node may run."""
        if not node.spec.outputs:
            return ()
        # most builds have none
        from meshc.render.outputs.output_files import output_files
        from meshc.render.outputs.tunnel import tunnel_of

        text = SecretText(conf.content.reveal().decode())
        return tuple(output_files(tunnel_of(self._plan, node, self._secrets, text)))

    def hosts(self) -> Artifact:
        """The one file about the network as a whole."""
        return Artifact(
            path="hosts",
            content=SecretBytes(hosts.render(self._plan).encode()),
            mode=0o644,
            node="",
            purpose="names of all nodes for /etc/hosts",
            secret=False,
        )

    def policies(self) -> Artifact | None:
        """What the next build is held against; None for a network without policies."""
        if self._plan.spec.policies is None:
            return None
        return Artifact(
            path=REACH_RECORD,
            content=SecretBytes(record(self._plan.spec).encode()),
            mode=0o644,
            node="",
            purpose="who reaches whom, for what the next change opens and closes",
            secret=False,
        )


def conf_path(node: NodePlan) -> str:
    """Where the node's wg-quick file lies in the build directory."""
    return f"{node.name}/{node.interface}.conf"
