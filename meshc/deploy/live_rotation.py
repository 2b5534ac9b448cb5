"""A live rotation: nodes get new keys one after the other while the network runs.

Each step is a build and a deploy in one moment, of the node and of every peer that is logged in to:
the peers know the new key before the node has it, and follow with the first new session
(`remote.key_handover`). Before a key is replaced, all of them must be reached, run what was built
and have nothing in the way. What is left to do stands beside the topology
(`keystore.pending_rotation`), so that whoever dies is followed by the same command.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from meshc.build.key_management import managed_keys
from meshc.build.pipeline import BuildComparison, compare_file, compile_file, plan_file
from meshc.deploy.connect.dial import Dialer
from meshc.deploy.deploy_outcome import DeployOutcome
from meshc.deploy.end_check import Traffic, measured
from meshc.deploy.plan.selection import deployable
from meshc.deploy.plan.surroundings import begin, keep, surroundings
from meshc.deploy.plan.survey import Surveyed, Tell
from meshc.deploy.plan.target import Target, targets
from meshc.deploy.protocol import Activation
from meshc.deploy.rollout import roll_out
from meshc.errors import StateError
from meshc.keystore.pending_rotation import PendingRotation, read_pending, write_pending
from meshc.keystore.ring import kept_here
from meshc.topology.language.spec import Spec
from meshc.values import dataclass

_WHILE_IT_RUNS = (None, Activation.FILE, Activation.SYNC, Activation.RELOAD)


@dataclass(frozen=True, slots=True)
class RotationCost:
    """What the rotation of a node's key costs: `follow` change in the same moment, `cut` are cut
    off from it until they have their new file by hand. `node` is empty for pre-shared keys."""

    node: str
    follow: tuple[str, ...]
    cut: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RotationStep:
    """How one step ended, and what goes through the tunnels after it."""

    ends: Sequence[DeployOutcome]
    traffic: Sequence[Traffic]

    @property
    def good(self) -> bool:
        return all(end.good for end in self.ends) and not any(one.silent for one in self.traffic)


class LiveRotation:
    """The rotation of one topology file: `begin` it or go on with what is `pending`, then `step`
    until nothing is. `ask` surveys nodes. Raises: StateError when a step may not be begun, Refused,
    OSError."""

    def __init__(
        self,
        file: Path,
        dialer: Dialer,
        ask: Callable[[list[Target]], list[Surveyed]],
        tell: Tell,
        *,
        window: float,
        parallel: int,
    ) -> None:
        self._file, self._dialer, self._ask, self._tell = file, dialer, ask, tell
        self._window, self._parallel = window, parallel
        self.pending = read_pending(file)

    def begin(self, names: Iterable[str], *, everybody: bool = False, psk: bool = False) -> None:
        """Nodes whose key is kept here and that are logged in to; `everybody` means all of those.
        Where a rotation is pending, it has to be this one."""
        with managed_keys(self._file) as changes:
            spec, lock = changes.spec, changes.lock
        wanted = _everybody(spec) if everybody else tuple(dict.fromkeys(names))
        for name in wanted:
            _check(spec, name)
        known = {name: node.public_key for name, node in lock.nodes.items()}
        nodes = {name: key for name in wanted if (key := known.get(name)) is not None}
        missing = [name for name in wanted if name not in nodes]
        if missing:
            raise StateError(
                f"{', '.join(missing)}: no key was built yet", hint=f"meshc build {self._file}"
            )
        asked = PendingRotation(nodes, lock.epoch if psk else 0)
        if self.pending:
            if set(self.pending.nodes) <= set(wanted) and bool(self.pending.epoch) <= psk:
                return
            raise StateError(
                "an earlier rotation has not ended",
                hint=f"go on with it first: meshc keys rotate {self._file} --live",
            )
        self.pending = asked
        write_pending(self._file, asked)

    def forget(self) -> None:
        """Before the first step."""
        self.pending = PendingRotation()
        write_pending(self._file, self.pending)

    def costs(self) -> list[RotationCost]:
        """Of all that is left."""
        pending = self.pending
        if not pending:
            return []
        plan = plan_file(self._file)
        reached = {name for name, node in plan.nodes.items() if deployable(node.spec)}
        found = []
        if pending.epoch:
            keyed = {
                name
                for name, node in plan.nodes.items()
                if any(peer.preshared for peer in node.peers)
            }
            found.append(RotationCost("", *_parted(keyed, reached)))
        for name in pending.nodes:
            peers = {peer.name for peer in plan.nodes[name].peers}
            found.append(RotationCost(name, *_parted(peers, reached)))
        return found

    def step(self) -> RotationStep:
        """The pre-shared keys, or the key of the next node."""
        if self.pending.epoch:
            return self._step("", self._preshared)
        name = next(iter(self.pending.nodes))
        return self._step(name, lambda: self._replace(name))

    def _step(self, name: str, change: Callable[[], None]) -> RotationStep:
        if not self._replaced(name):
            if self.pending.begun != name or not name:
                _nothing_else(self._survey(name, compare_file(self._file)))
            change()
        compile_file(self._file)
        result = compare_file(self._file)
        found = self._survey(name, result)
        _while_it_runs(found)
        step = asyncio.run(self._deploy(name, result, found))
        if step.good:
            done = self.pending.without(name) if name else replace(self.pending, epoch=0)
            write_pending(self._file, done)
            self.pending = done
        return step

    def _replaced(self, name: str) -> bool:
        """Whether the key was replaced here, before a step that did not end."""
        with managed_keys(self._file) as changes:
            lock = changes.lock
        if not name:
            return lock.epoch != self.pending.epoch
        node = lock.nodes.get(name)
        return node is None or node.public_key != self.pending.nodes[name]

    def _replace(self, name: str) -> None:
        # from here on the store may be without a key for it
        self.pending = replace(self.pending, begun=name)
        write_pending(self._file, self.pending)
        with managed_keys(self._file) as changes:
            changes.rotate([name])

    def _preshared(self) -> None:
        with managed_keys(self._file) as changes:
            changes.rotate_preshared()

    def _survey(self, name: str, result: BuildComparison) -> list[Surveyed]:
        plan, names = result.plan, tuple[str, ...]()
        if name:
            peers = [peer.name for peer in plan.nodes[name].peers]
            names = tuple(one for one in (name, *peers) if deployable(plan.nodes[one].spec))
        chosen = targets(result, names, hosts=self._dialer.hosts)
        if name and any(target.behind for target in chosen):
            chosen = targets(result, hosts=self._dialer.hosts)  # the way to them may be cut
        return self._ask(chosen)

    async def _deploy(
        self, name: str, result: BuildComparison, found: list[Surveyed]
    ) -> RotationStep:
        around = surroundings(result, whole=False)
        begin(result, around)
        found = [_watched(one) if one.target.name == name else one for one in found]
        ends = await roll_out(
            found,
            self._dialer,
            self._tell,
            window=self._window,
            parallel=self._parallel,
            together=[one.target.name for one in found],
        )
        keep(result, around, [end.node for end in ends if end.good], ())
        traffic = await measured(found, ends, self._dialer, self._tell, parallel=self._parallel)
        return RotationStep(tuple(ends), tuple(traffic))


def _everybody(spec: Spec) -> tuple[str, ...]:
    return tuple(name for name, node in spec.nodes.items() if kept_here(node) and deployable(node))


def _check(spec: Spec, name: str) -> None:
    """Raises: StateError."""
    if name not in spec.nodes:
        raise StateError(
            f"there is no node {name!r} in {spec.file}",
            hint="the nodes are: " + ", ".join(sorted(spec.nodes)[:12]),
        )
    node = spec.nodes[name]
    if not kept_here(node):
        raise StateError(
            f"the private key of {name} is kept elsewhere",
            hint="make a new key there, and put its public half into the topology file",
        )
    if not deployable(node):
        raise StateError(
            f"nobody logs in to {name}, so that its key is replaced by hand",
            hint=f"without --live; then build, and bring {name} its file",
        )


def _parted(names: Iterable[str], reached: set[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names = sorted(names)
    return tuple(n for n in names if n in reached), tuple(n for n in names if n not in reached)


def _nothing_else(found: Sequence[Surveyed]) -> None:
    """All are reached, and run what was built. Raises: StateError."""
    _while_it_runs(found)
    other = [one.target.name for one in found if one.difference]
    if other:
        raise StateError(
            f"{', '.join(other)}: something else is to be deployed there; no key was replaced",
            hint="meshc plan shows it; deploy it first",
        )


def _while_it_runs(found: Sequence[Surveyed]) -> None:
    """Raises: StateError."""
    for one in found:
        refused = [f for f in one.findings if f.severity.name == "ERROR"]
        if refused:
            raise StateError(f"{one.target.name}: {refused[0].message}", hint=refused[0].hint)
        if one.difference and one.difference.drift:
            raise StateError(
                f"{one.target.name}: changed by somebody else",
                hint="meshc plan shows it; deploy it first",
            )
        if one.difference.activation not in _WHILE_IT_RUNS:
            raise StateError(
                f"{one.target.name}: {one.difference.cost.value}",
                hint="meshc plan shows why; deploy it first",
            )


def _watched(one: Surveyed) -> Surveyed:
    """Its sessions are new, and all of its peers have to answer again."""
    keys = frozenset(str(peer.public_key) for peer in one.target.plan.peers)
    return replace(one, difference=replace(one.difference, steady=keys))
