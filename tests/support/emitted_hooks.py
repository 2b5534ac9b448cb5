"""Hook lines as `meshc build` writes them for a node that forwards."""

from __future__ import annotations

from meshc.render.firewall.hook_lines import Hooks
from meshc.render.firewall.iptables import forwarding_hooks
from meshc.topology.language.spec import Platform
from meshc.topology.planner.mesh_plan import Forwarding
from meshc.topology.planner.policy.forwarding import firewall_of


def hooks_of(forwarding: Forwarding) -> Hooks:
    return forwarding_hooks(firewall_of(forwarding, (), Platform.LINUX, forwarding.pools))


def conf_lines(hooks: Hooks) -> tuple[str, ...]:
    """As lines of the [Interface] section."""
    return (
        *(f"PreUp = {line}" for line in hooks.pre_up),
        *(f"PostUp = {line}" for line in hooks.post_up),
        *(f"PreDown = {line}" for line in hooks.pre_down),
        *(f"PostDown = {line}" for line in hooks.post_down),
    )


def forwarding_lines(forwarding: Forwarding) -> tuple[str, ...]:
    return conf_lines(hooks_of(forwarding))
