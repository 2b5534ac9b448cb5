"""How a node brings its interface up: a choice from what the file asks for and what is there."""

from __future__ import annotations

from collections.abc import Mapping

from meshc.deploy.bundle import bundle
from meshc.deploy.plan.meshc_environment import Environment, Offer, environment
from meshc.deploy.protocol import Directories, Facts, Supervisor
from meshc.topology.language.spec import Deploy
from meshc.values import dataclass, field

HOME = Directories().environments
USERSPACE = "WG_QUICK_USERSPACE_IMPLEMENTATION"
ENGINE = "MESHC_ENGINE"
PROGRAM = "MESHC_PROGRAM"
"""For the unit: it is written before the environment is there to be found."""
UNWATCHED = "MESHC_WATCH"
"""`off` where nobody shall look after an interface that wg-quick's unit runs."""


@dataclass(frozen=True, slots=True)
class SupervisorChoice:
    """Who brings the interface up; `env` is what the unit or the program gets in its environment.
    `meshc` is the version that the interface gets for itself, where it needs one that the machine
    has not; `lacks` says what is missing on the node."""

    supervisor: Supervisor
    env: Mapping[str, str] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    meshc: Environment | None = None


def choose(
    deploy: Deploy,
    facts: Facts,
    interface: str = "wg0",
    *,
    offer: Offer = bundle,
    agent: bool = False,
) -> SupervisorChoice:
    """The supervisor and engine for a node. `offer` is what meshc this machine can give it; an
    `agent` that has paths to keep is started by meshc alone."""
    own = deploy.engine not in ("auto", "kernel")
    stock = {"wg", "wg-quick"} <= facts.tools
    if deploy.supervisor in ("systemd", "meshc"):
        by_meshc = True
    elif deploy.supervisor == "wg-quick":
        by_meshc = False
    else:
        # wg-quick tries the kernel first, so another engine beside a kernel's needs meshc
        by_meshc = agent or (own and facts.kernel) or (not stock and _has(facts, "meshc"))
    unit = facts.systemd and deploy.supervisor != "meshc"
    if by_meshc:
        lacks = ["systemd"] if deploy.supervisor == "systemd" and not facts.systemd else []
        env = {} if deploy.engine == "auto" else {ENGINE: deploy.engine}
        meshc, missing = (None, ()) if _has(facts, "meshc") else _given(facts, offer)
        if meshc is not None and unit:
            env[PROGRAM] = f"{HOME}/interfaces/{interface}/bin/meshc"
        lacks += [*missing, *_without_wg(facts)]
        supervisor = Supervisor.MESHC_UNIT if unit else Supervisor.MESHC
        return SupervisorChoice(supervisor, env, tuple(lacks), meshc)
    env, meshc, missing = _userspace(deploy.engine, facts, interface, offer)
    wanted = [tool for tool in ("wg", "wg-quick") if tool not in facts.tools]
    supervisor = Supervisor.WG_QUICK_UNIT if unit else Supervisor.WG_QUICK
    if unit and not deploy.watch:
        env = {**env, UNWATCHED: "off"}
    return SupervisorChoice(supervisor, env, (*wanted, *missing), meshc)


def _has(facts: Facts, tool: str) -> bool:
    """Whether the machine has it by itself, and not in an environment that we made."""
    return tool in facts.tools and not facts.programs[tool].startswith(HOME + "/")


def _given(facts: Facts, offer: Offer) -> tuple[Environment | None, tuple[str, ...]]:
    found = environment(facts, offer)
    return (found, ()) if isinstance(found, Environment) else (None, found)


def _without_wg(facts: Facts) -> tuple[str, ...]:
    """`wg` shows whether the interface is as it should be, whoever runs it."""
    return () if "wg" in facts.tools else ("wg",)


def _userspace(
    engine: str, facts: Facts, interface: str, offer: Offer
) -> tuple[dict[str, str], Environment | None, tuple[str, ...]]:
    """What wg-quick is told to use where the kernel has no WireGuard."""
    if engine == "kernel":
        return {}, None, () if facts.kernel else ("WireGuard in the kernel",)
    if engine not in ("auto", "bundled"):
        return {USERSPACE: engine}, None, ()
    if engine == "auto" and (facts.kernel or "wireguard-go" in facts.tools):
        return {}, None, ()  # what wg-quick looks for by itself
    if _has(facts, "meshc-engine"):
        return {USERSPACE: facts.programs["meshc-engine"]}, None, ()
    meshc, missing = _given(facts, offer)
    return {USERSPACE: f"{HOME}/interfaces/{interface}/bin/meshc-engine"}, meshc, missing
