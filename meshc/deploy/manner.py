"""How a node brings its interface up: a choice from what the file asks for and what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from meshc.deploy.facts import Facts
from meshc.topology.spec import Deploy

USERSPACE = "WG_QUICK_USERSPACE_IMPLEMENTATION"
ENGINE = "MESHC_ENGINE"


@dataclass(frozen=True, slots=True)
class Manner:
    """`name` is `wg-quick@` or `meshc@` for systemd units, `wg-quick` or `meshc` without;
    `env` is what the unit or the program gets in its environment. `lacks` says what is missing
    on the node for it."""

    name: str
    env: Mapping[str, str] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()

    @property
    def unit(self) -> bool:
        """Whether a unit of systemd runs it."""
        return self.name.endswith("@")

    @property
    def live(self) -> bool:
        """Whether every difference can be applied to the running interface."""
        return self.name.startswith("meshc")


def choose(deploy: Deploy, facts: Facts) -> Manner:
    """The supervisor and engine for a node."""
    own = deploy.engine not in ("auto", "kernel")
    stock = {"wg", "wg-quick"} <= facts.tools
    if deploy.supervisor in ("systemd", "meshc"):
        by_meshc = True
    elif deploy.supervisor == "wg-quick":
        by_meshc = False
    else:
        # wg-quick tries the kernel first, so another engine beside a kernel's needs meshc
        by_meshc = (own and facts.kernel) or (not stock and "meshc" in facts.tools)
    unit = facts.systemd and deploy.supervisor != "meshc"
    if by_meshc:
        lacks = [] if "meshc" in facts.tools else ["meshc"]
        if deploy.supervisor == "systemd" and not facts.systemd:
            lacks.append("systemd")
        env = {} if deploy.engine == "auto" else {ENGINE: deploy.engine}
        return Manner("meshc@" if unit else "meshc", env, (*lacks, *_without_wg(facts)))
    env, missing = _userspace(deploy.engine, facts)
    wanted = [tool for tool in ("wg", "wg-quick") if tool not in facts.tools]
    return Manner("wg-quick@" if unit else "wg-quick", env, (*wanted, *missing))


def _without_wg(facts: Facts) -> tuple[str, ...]:
    """`wg` shows whether the interface is as it should be, whoever runs it."""
    return () if "wg" in facts.tools else ("wg",)


def _userspace(engine: str, facts: Facts) -> tuple[dict[str, str], tuple[str, ...]]:
    if engine == "kernel":
        return {}, () if facts.kernel else ("WireGuard in the kernel",)
    if engine == "bundled" or (engine == "auto" and not facts.kernel):
        if engine == "auto" and "wireguard-go" in facts.tools:
            return {}, ()  # what wg-quick looks for by itself
        if "meshc-engine" in facts.tools:
            return {USERSPACE: facts.paths.get("meshc-engine", "meshc-engine")}, ()
        return {}, ("meshc" if engine == "bundled" else "WireGuard: kernel module or engine",)
    return ({} if engine == "auto" else {USERSPACE: engine}), ()
