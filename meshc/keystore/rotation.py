"""The rotation of keys: list, rotate, revoke and import, with the lock file kept in step.

Nothing here touches emitted files: the next build writes them, and says who must be touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from meshc.errors import StateError
from meshc.keys import NetworkSecret, PresharedKey, PrivateKey, PublicKey
from meshc.keystore.ring import kept_here
from meshc.keystore.store import KeyStore, StoredKey
from meshc.topology.language.spec import NodeSpec, Spec
from meshc.topology.planner.addressing.lock import Lock, LockedNode
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
    """The keys of one network: the nodes of `spec`, what the lock file says, and the store.

    `record` keeps a changed lock file, at once: what is cut short then leaves the two in step.
    Every method raises what the store and `record` raise, and StateError for what cannot be done.
    """

    def __init__(
        self, spec: Spec, lock: Lock, store: KeyStore, record: Callable[[Lock], object]
    ) -> None:
        self._spec = spec
        self._lock = lock
        self._store = store
        self._keep = record

    def show(self) -> list[KeyInfo]:
        """Every node of the file, sorted by name."""
        ours = (node.name for node in self._spec.nodes.values() if kept_here(node))
        stored = self._store.read(ours)
        nodes = sorted(self._spec.nodes.items())
        return [self._info(node, stored.get(name)) for name, node in nodes]

    def _info(self, node: NodeSpec, found: StoredKey | None) -> KeyInfo:
        name, locked = node.name, self._lock.nodes.get(node.name)
        recorded = locked.public_key if locked else None
        if not kept_here(node):
            key = node.public_key or recorded
            problem = "" if key else "its public key is not known"
            return KeyInfo(name, key, _elsewhere(node), None, problem)
        if found is None:
            problem = "its private key is not here" if recorded else ""
            where = "missing" if recorded else "made by the next build"
            return KeyInfo(name, recorded, where, None, problem)
        public = found.key.public_key()
        where = str(found.path.relative_to(self._store.directory.parent))
        problem = _problem(found.readable_by_others, recorded, public)
        return KeyInfo(name, public, where, found.created, problem)

    @property
    def spec(self) -> Spec:
        return self._spec

    @property
    def lock(self) -> Lock:
        """As it is recorded now."""
        return self._lock

    def rotate(self, names: Iterable[str]) -> list[Rotation]:
        """New keys for these nodes; the old ones are kept aside in keys/retired/."""
        wanted = sorted(set(names))
        for name in wanted:
            self._must_be_ours(name)
        done = []
        for name in wanted:
            before = self._store.read([name]).get(name)
            aside = self._store.retire(name)
            key = self._store.create({name: PrivateKey.generate()})[name]
            self._record(_with_key(self._lock, name, key.public_key()))
            old = before.key.public_key() if before else None
            done.append(Rotation(name, old, key.public_key(), aside))
        return done

    def generate(self) -> list[Rotation]:
        """A key for each node that has none yet; nobody's key is read for it."""
        done = []
        for name, node in sorted(self._spec.nodes.items()):
            locked = self._lock.nodes.get(name)
            if kept_here(node) and (locked is None or locked.public_key is None):
                key = self._store.create({name: PrivateKey.generate()})[name]
                self._record(_with_key(self._lock, name, key.public_key()))
                done.append(Rotation(name, None, key.public_key(), None))
        return done

    def rotate_preshared(self) -> int:
        """Counts the epoch up: the next build derives new pre-shared keys for every link. A secret
        of the network that is lost is made anew, one that was exchanged is accepted."""
        secret = self._store.secret() or self._store.create_secret(NetworkSecret.generate())
        lock = replace(self._lock, epoch=self._lock.epoch + 1, fingerprint=secret.fingerprint())
        self._record(lock)
        return self._lock.epoch

    def would_revoke(self, name: str) -> Revocation:
        """What `revoke` would do."""
        node, keys = self._spec.nodes.get(name), self._known(name)
        return Revocation(
            name, keys, tuple(self._store.holdings(name)), node is not None and kept_here(node)
        )

    def revoke(self, name: str) -> Revocation:
        """Deletes the node's key and records its public half as never to be used again."""
        node, keys = self._spec.nodes.get(name), self._known(name)
        # recorded first: should this be cut short, the key is out already
        lock = replace(self._lock, revoked=tuple(sorted({*self._lock.revoked, *keys})))
        self._record(_with_key(lock, name, None))
        deleted = tuple(self._store.destroy(name))
        return Revocation(name, keys, deleted, node is not None and kept_here(node))

    def _known(self, name: str) -> tuple[PublicKey, ...]:
        """The public keys that the node has, sorted."""
        node = self._spec.nodes.get(name)
        known = {
            self._lock.nodes[name].public_key if name in self._lock.nodes else None,
            node.public_key if node else None,
        }
        found = self._store.read([name]).get(name)
        if found is not None:
            known.add(found.key.public_key())
        keys = tuple(sorted(key for key in known if key is not None))
        if not keys:
            raise StateError(
                f"no key of {name} is known",
                hint="one that was revoked has none until the next build; meshc keys list FILE "
                "shows the nodes and their keys",
            )
        return keys

    def import_private(self, name: str, key: PrivateKey, *, replace_old: bool = False) -> PublicKey:
        """Takes a private key that was made elsewhere."""
        self._must_be_ours(name)
        public = key.public_key()
        self._must_not_be_revoked(name, public)
        old = self._store.read([name]).get(name)
        if old is not None and old.key != key:
            if not replace_old:
                raise StateError(
                    f"{name} has a key already, and it is another one",
                    hint="with --replace the old key is moved to keys/retired/",
                )
            self._store.retire(name)
        self._store.create({name: key})
        self._record(_with_key(self._lock, name, public))
        return public

    def import_preshared(self, one: str, other: str, key: PresharedKey) -> str:
        """Takes a pre-shared key that exists already; its name. Which one a link has stands in
        the topology file, so it must stand there first."""
        a, b = sorted((self._node(one).name, self._node(other).name))
        named = {(link.a, link.b): link.preshared_key for link in self._spec.links}.get((a, b))
        if not isinstance(named, str):
            raise StateError(
                f"no link of {a} and {b} names a given pre-shared key",
                hint=f"write into the file: links: [{{endpoints: [{a}, {b}], "
                f"preshared_key: {f'{a}.{b}'[:63].rstrip('.-_')}}}]",
            )
        if self._store.create_preshared({named: key})[named] != key:
            raise StateError(
                f"there is a pre-shared key {named} already, and it is another one",
                hint=f"delete {named}.psk in {self._store.directory} if it is wrong, or give this "
                "one another name",
            )
        return named

    def import_public(self, name: str, key: PublicKey) -> None:
        """Records the public key of a node that keeps its private key."""
        node = self._node(name)
        if kept_here(node) or node.public_key is not None:
            raise StateError(
                f"the public key of {name} stands in the topology file or is made by meshc",
                hint=f"write public_key: {key} under nodes: {name}: in the file instead",
            )
        self._must_not_be_revoked(name, key)
        self._record(_with_key(self._lock, name, key))

    def _record(self, lock: Lock) -> None:
        self._keep(lock)
        self._lock = lock

    def _node(self, name: str) -> NodeSpec:
        if name not in self._spec.nodes:
            raise StateError(
                f"there is no node {name!r} in {self._spec.file}",
                hint="the nodes are: " + ", ".join(sorted(self._spec.nodes)[:12]),
            )
        return self._spec.nodes[name]

    def _must_be_ours(self, name: str) -> None:
        if not kept_here(self._node(name)):
            raise StateError(
                f"the private key of {name} is kept elsewhere",
                hint="make a new key there, and put its public half into the topology file",
            )

    def _must_not_be_revoked(self, name: str, key: PublicKey) -> None:
        if key in self._lock.revoked:
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
