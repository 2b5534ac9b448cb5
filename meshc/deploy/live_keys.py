"""Live keys: where a key that was removed, revoked or replaced is still let in.

Of a node that answered it is known; of one that did not, the journal of deploys knows whether its
last file had the key. A node is named until it was reached with a file that has the key no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path

from meshc.build.lock_file import read_lock
from meshc.build.pipeline import BuildComparison
from meshc.build.workspace import Workspace
from meshc.deploy.deploy_journal import DepartedKey, DeployJournal, read_journal
from meshc.deploy.plan.survey import Surveyed
from meshc.deploy.protocol import Facts
from meshc.diagnostics import Diagnostics
from meshc.errors import ConfError
from meshc.topology.planner.addressing.lock import Lock
from meshc.values import dataclass
from meshc.wg.conf import parse


class Departure(Enum):
    """Why a key is nobody's any more."""

    REVOKED = "revoked"
    REMOVED = "removed"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True, order=True)
class LiveKey:
    """The key of `node`: it was seen `on` these nodes, and is on these others unless somebody else
    took it away (`unseen`: they did not answer, or were not asked)."""

    node: str
    key: str
    why: Departure
    on: tuple[str, ...]
    unseen: tuple[str, ...]

    def describe(self) -> str:
        """One line for people."""
        parts = [
            f"still live on {', '.join(self.on)}" if self.on else "",
            f"not known to be gone from {', '.join(self.unseen)}" if self.unseen else "",
        ]
        told = "; ".join(filter(None, parts))
        return f"{self.node or 'somebody'}: the {self.why.value} key {self.key} is {told}"


def seen_keys(facts: Facts) -> frozenset[str]:
    """The keys that a node lets in: those of its running interface, and of its file."""
    found = set(facts.running.peers)
    if facts.conf is not None:
        with suppress(ConfError):  # no interface comes up with it, and `plan` says so
            found |= {str(peer.public_key) for peer in parse(facts.conf).peers}
    return frozenset(found)


def live_keys(
    journal: DeployJournal,
    lock: Lock,
    keys: Mapping[str, str],
    seen: Mapping[str, Iterable[str]],
) -> list[LiveKey]:
    """`keys` are those of the nodes now, `seen` what each node that answered lets in; sorted by
    node."""
    departed = dict(journal.departed(keys))
    owners = {str(node.public_key): name for name, node in lock.removed.items() if node.public_key}
    known = {str(key) for key in lock.revoked} | set(owners)
    for key in known - set(departed) - set(keys.values()):
        departed[key] = DepartedKey(owners.get(key, ""), ())
    found = []
    for key, one in departed.items():
        on = tuple(sorted(name for name, there in seen.items() if key in there))
        unseen = tuple(name for name in one.on if name not in seen)
        if on or unseen:
            found.append(LiveKey(one.node, key, _why(key, one.node, lock, keys), on, unseen))
    return sorted(found, key=lambda live: (live.node, live.key))


def still_live(result: BuildComparison, found: Iterable[Surveyed]) -> list[LiveKey]:
    """Of a network whose nodes were asked. Raises: Refused, StateError."""
    workspace = result.workspace
    lock = read_lock(workspace.lock_file, Diagnostics())
    keys = {name: str(node.public_key) for name, node in result.plan.nodes.items()}
    seen = {one.target.name: seen_keys(one.facts) for one in found if one.facts is not None}
    return live_keys(read_journal(workspace.file) or DeployJournal(), lock, keys, seen)


def not_known_gone(file: Path, keys: Mapping[str, str]) -> list[LiveKey]:
    """As far as the journal of deploys knows, with nobody asked. Raises: Refused, StateError."""
    lock = read_lock(Workspace(file).lock_file, Diagnostics())
    return live_keys(read_journal(file) or DeployJournal(), lock, keys, {})


def _why(key: str, node: str, lock: Lock, keys: Mapping[str, str]) -> Departure:
    if key in lock.revoked:
        return Departure.REVOKED
    return Departure.REPLACED if node in keys else Departure.REMOVED
