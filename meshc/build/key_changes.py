"""What `meshc keys` does: list, rotate, revoke and import, with the lock file kept in step.

Nothing here touches emitted files: the next build writes them, and says who must be touched.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from meshc.build.pipeline import read_lock, write_lock
from meshc.build.reading import read_spec
from meshc.build.workspace import Workspace
from meshc.diagnostics import Diagnostics
from meshc.errors import StateError
from meshc.keys import PrivateKey, PublicKey
from meshc.keystore.plain import KeyStore
from meshc.keystore.ring import kept_here
from meshc.topology.language.spec import NodeSpec, Spec
from meshc.topology.planner.addressing.lock_text import Lock, LockedNode
from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """One line of the list. `where` is a path or a few words; `created` is in seconds since
    1970, None when the key is not a file here; `problem` is empty or one sentence."""

    node: str
    public_key: PublicKey | None
    where: str
    created: float | None
    problem: str


@dataclass(frozen=True, slots=True)
class Rotation:
    """The keys of one node before and after; `aside` is where the old private key lies now."""

    node: str
    before: PublicKey | None
    after: PublicKey
    aside: Path | None


@dataclass(frozen=True, slots=True)
class Revocation:
    """`again` says that the node is still in the file and gets a new key with the next build."""

    node: str
    keys: tuple[PublicKey, ...]
    deleted: tuple[Path, ...]
    again: bool


class KeyChanges:
    """The keys of one topology file. Every method holds the workspace lock while it works.

    Raises: Refused when the file or its lock is unusable, StateError, OSError.
    """

    def __init__(self, path: str | Path) -> None:
        self.workspace = Workspace(Path(path))

    def show(self) -> list[KeyInfo]:
        """Every node of the file, sorted by name."""
        with self.workspace.locked():
            spec, lock, store = self._load()
            stored = store.read(node.name for node in spec.nodes.values() if kept_here(node))
        result = []
        for name, node in sorted(spec.nodes.items()):
            locked = lock.nodes.get(name)
            recorded = locked.public_key if locked else None
            if not kept_here(node):
                key = node.public_key or recorded
                problem = "" if key else "its public key is not known"
                result.append(KeyInfo(name, key, _elsewhere(node), None, problem))
                continue
            found = stored.get(name)
            if found is None:
                problem = "its private key is not here" if recorded else ""
                where = "missing" if recorded else "made by the next build"
                result.append(KeyInfo(name, recorded, where, None, problem))
                continue
            public = found.key.public_key()
            where = str(found.path.relative_to(self.workspace.directory))
            result.append(
                KeyInfo(
                    name,
                    public,
                    where,
                    found.created,
                    _problem(found.readable_by_others, recorded, public),
                )
            )
        return result

    def rotate(self, names: Iterable[str]) -> list[Rotation]:
        """New keys for these nodes; the old ones are kept aside in keys/retired/."""
        with self.workspace.locked():
            spec, lock, store = self._load()
            wanted = sorted(set(names))
            for name in wanted:
                self._must_be_ours(spec, name)
            done = []
            for name in wanted:
                before = store.read([name]).get(name)
                aside = store.retire(name)
                key = store.create({name: PrivateKey.generate()})[name]
                lock = _with_key(lock, name, key.public_key())
                write_lock(self.workspace.lock_file, lock)
                old = before.key.public_key() if before else None
                done.append(Rotation(name, old, key.public_key(), aside))
            return done

    def rotate_preshared(self) -> int:
        """Counts the epoch up: the next build derives new pre-shared keys for every link."""
        with self.workspace.locked():
            _, lock, _ = self._load()
            write_lock(self.workspace.lock_file, replace(lock, epoch=lock.epoch + 1))
            return lock.epoch + 1

    def revoke(self, name: str) -> Revocation:
        """Deletes the node's key and records its public half as never to be used again."""
        with self.workspace.locked():
            spec, lock, store = self._load()
            node = spec.nodes.get(name)
            known = {
                lock.nodes[name].public_key if name in lock.nodes else None,
                node.public_key if node else None,
            }
            found = store.read([name]).get(name)
            if found is not None:
                known.add(found.key.public_key())
            keys = tuple(sorted(key for key in known if key is not None))
            if not keys:
                raise StateError(
                    f"no key of {name} is known",
                    hint="meshc keys list FILE shows the nodes and their keys",
                )
            # recorded first: should this be cut short, the key is out already
            lock = replace(lock, revoked=tuple(sorted({*lock.revoked, *keys})))
            write_lock(self.workspace.lock_file, _with_key(lock, name, None))
            deleted = tuple(store.destroy(name))
            return Revocation(name, keys, deleted, node is not None and kept_here(node))

    def import_private(self, name: str, key: PrivateKey, *, replace_old: bool = False) -> PublicKey:
        """Takes a private key that was made elsewhere."""
        with self.workspace.locked():
            spec, lock, store = self._load()
            self._must_be_ours(spec, name)
            public = key.public_key()
            self._must_not_be_revoked(lock, name, public)
            old = store.read([name]).get(name)
            if old is not None and old.key != key:
                if not replace_old:
                    raise StateError(
                        f"{name} has a key already, and it is another one",
                        hint="with --replace the old key is moved to keys/retired/",
                    )
                store.retire(name)
            store.create({name: key})
            write_lock(self.workspace.lock_file, _with_key(lock, name, public))
            return public

    def import_public(self, name: str, key: PublicKey) -> None:
        """Records the public key of a node that keeps its private key."""
        with self.workspace.locked():
            spec, lock, _ = self._load()
            node = self._node(spec, name)
            if kept_here(node) or node.public_key is not None:
                raise StateError(
                    f"the public key of {name} stands in the topology file or is made by meshc",
                    hint=f"write public_key: {key} under nodes: {name}: in the file instead",
                )
            self._must_not_be_revoked(lock, name, key)
            write_lock(self.workspace.lock_file, _with_key(lock, name, key))

    def _load(self) -> tuple[Spec, Lock, KeyStore]:
        diagnostics = Diagnostics()
        spec = read_spec(self.workspace.file, diagnostics)
        lock = read_lock(self.workspace.lock_file, diagnostics)
        diagnostics.barrier()
        return spec, lock, self.workspace.keys(spec.network.name)

    def _node(self, spec: Spec, name: str) -> NodeSpec:
        if name not in spec.nodes:
            raise StateError(
                f"there is no node {name!r} in {self.workspace.file}",
                hint="the nodes are: " + ", ".join(sorted(spec.nodes)[:12]),
            )
        return spec.nodes[name]

    def _must_be_ours(self, spec: Spec, name: str) -> None:
        if not kept_here(self._node(spec, name)):
            raise StateError(
                f"the private key of {name} is kept elsewhere",
                hint="make a new key there, and put its public half into the topology file",
            )

    def _must_not_be_revoked(self, lock: Lock, name: str, key: PublicKey) -> None:
        if key in lock.revoked:
            raise StateError(
                f"the key for {name} was revoked and is not taken back",
                hint="make a new one: meshc keys rotate",
            )


def _with_key(lock: Lock, name: str, key: PublicKey | None) -> Lock:
    node = replace(lock.nodes.get(name) or LockedNode(), public_key=key)
    if node == LockedNode():
        return replace(lock, nodes={n: v for n, v in lock.nodes.items() if n != name})
    return replace(lock, nodes=dict(sorted({**lock.nodes, name: node}.items())))


def _elsewhere(node: NodeSpec) -> str:
    if node.private_key_file is not None:
        return f"on the node: {node.private_key_file}"
    if node.private_key_command is not None:
        return "on the node: from a command"
    return "on the node" if node.managed else "somebody else's"


def _problem(readable: bool, recorded: PublicKey | None, public: PublicKey) -> str:
    if recorded is not None and recorded != public:
        return "the lock file records another key"
    return "other users can read it" if readable else ""
