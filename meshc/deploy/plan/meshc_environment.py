"""Which meshc a node gets in an environment of its own, and how its packages get there."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from meshc.deploy.bundle import Bundle, version
from meshc.deploy.protocol import Facts, OwnMeshc
from meshc.values import dataclass

OLDEST = (3, 11)
_FETCHED = 150 << 20  # bytes: what pip unpacks besides what it keeps


class PackageSource(Enum):
    """Where a node gets packages from."""

    SENT = "sent from here"
    FETCHED = "fetched there by pip"


@dataclass(frozen=True, slots=True)
class Environment:
    """One version of meshc for the interface of one node. `there`: it is installed already;
    `used`: what the interface uses now, empty for none. `why` explains the source."""

    identity: str
    version: str
    source: PackageSource
    size: int
    used: str = ""
    there: bool = False
    why: str = ""

    @property
    def changes(self) -> bool:
        return self.used != self.identity or not self.there

    def describe(self, home: str) -> list[str]:
        """Lines for the plan."""
        if not self.changes:
            return []
        size = f"{max(1, self.size >> 20)} MB"
        how = "is there already" if self.there else f"{size}, {self.source.value}{self.why}"
        old = f", in the place of {_version(self.used)}" if self.used else ""
        if self.used == self.identity:
            old = " again, because its Python there is gone"
        return [f"meshc {self.version} in {home}{old} ({how})"]


Offer = Callable[[], Bundle]


def environment(facts: Facts, offer: Offer) -> Environment | tuple[str, ...]:
    """meshc for this node; or what is missing there for it."""
    own = facts.meshc
    if facts.python[:2] < OLDEST:
        return (f"Python 3.11 or later for meshc (it has {'.'.join(map(str, facts.python))})",)
    have = offer()
    identity = have.identity(own.soabi)
    there = identity in own.there
    why = _not_sent(have, facts, own)
    if not why or there:
        return Environment(identity, have.version, PackageSource.SENT, have.size, own.used, there)
    if not have.locked():
        return (f"a way for meshc to get there: {why}, and there is no requirements-run.lock here",)
    if not own.pip:
        return (f"the module ensurepip of its python3 (apt install python3-venv): {why}",)
    return Environment(
        identity, have.version, PackageSource.FETCHED, _FETCHED, own.used, there, f": {why}"
    )


def _not_sent(have: Bundle, facts: Facts, own: OwnMeshc) -> str:
    """Why the packages of this machine do not run there; empty when they do."""
    if have.strange:
        return f"{have.strange} here was not installed by pip"
    if own.soabi != have.soabi:
        return f"its Python is {own.soabi or 'unknown'}, the one here {have.soabi}"
    if own.libc[0] == "glibc" and version(own.libc[1]) < have.libc:
        wanted = ".".join(map(str, have.libc))
        return f"its libc is {own.libc[1]}, the packages here need {wanted}"
    return ""


def _version(identity: str) -> str:
    return identity.partition("-")[0]
