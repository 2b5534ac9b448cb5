"""Every node's key for one build: from the key store, from the topology file, or new.

New keys exist in memory only until the build has been proven; `store` then keeps them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshc.diagnostics import Diagnostics
from meshc.keys import NetworkSecret, PrivateKey, PublicKey
from meshc.keystore.plain import KeyStore, StoredKey
from meshc.render.node_secrets import Secrets
from meshc.topology.language.spec import NodeSpec, Spec
from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the lock file knows about keys: the public key of each node, and the revoked ones."""

    public_keys: Mapping[str, PublicKey]
    revoked: frozenset[PublicKey] = frozenset()


@dataclass(frozen=True, slots=True)
class KeyRing:
    """`public` has every node whose key is known, `private` those that meshc keeps; `new` names
    the private keys that are not stored yet."""

    public: Mapping[str, PublicKey]
    private: Mapping[str, PrivateKey]
    secret: NetworkSecret
    new: tuple[str, ...]
    secret_is_new: bool

    @property
    def secrets(self) -> Secrets:
        return Secrets(self.private, self.secret)

    def store(self, store: KeyStore) -> None:
        """Keeps what is new. Raises: StateError, OSError."""
        if self.new:
            store.create({name: self.private[name] for name in self.new})
        if self.secret_is_new:
            store.create_secret(self.secret)


def gather(
    spec: Spec,
    store: KeyStore,
    recorded: Recorded,
    diagnostics: Diagnostics,
    *,
    ephemeral: bool = False,
) -> KeyRing:
    """Finds or makes the key of every node; what is wrong goes into `diagnostics`.

    With `ephemeral` a missing key is replaced by one for this run, also when the lock file has
    recorded another: enough to prove a network without its secrets, never to be stored.
    Raises: StateError for a damaged store.
    """
    ours = [node for node in spec.nodes.values() if kept_here(node)]
    stored = store.read(node.name for node in ours)
    public: dict[str, PublicKey] = {}
    private: dict[str, PrivateKey] = {}
    new: list[str] = []
    for node in ours:
        found = stored.get(node.name)
        if found is None:
            if node.name in recorded.public_keys and not ephemeral:
                _missing(node, store, diagnostics)
                continue
            private[node.name] = PrivateKey.generate()
            new.append(node.name)
        else:
            private[node.name] = found.key
        public[node.name] = private[node.name].public_key()
        if found is not None:
            _check_stored(node, found, public[node.name], recorded, diagnostics)
    for node in spec.nodes.values():
        if not kept_here(node):
            key = node.public_key or recorded.public_keys.get(node.name)
            if key is None:
                _unknown(node, diagnostics)
            else:
                public[node.name] = key
    _check_all(spec, public, recorded, diagnostics)
    secret = store.secret()
    return KeyRing(
        public=dict(sorted(public.items())),
        private=private,
        secret=secret or NetworkSecret.generate(),
        new=tuple(sorted(new)),
        secret_is_new=secret is None,
    )


def kept_here(node: NodeSpec) -> bool:
    """Whether the node's private key is meshc's to make and keep."""
    return node.managed and not (
        node.public_key or node.private_key_file or node.private_key_command
    )


def _missing(node: NodeSpec, store: KeyStore, diagnostics: Diagnostics) -> None:
    diagnostics.add(
        "E350",
        f"{node.name}: its private key is not in {store.directory.name}/",
        node.at(),
        path=f"nodes.{node.name}",
        hint=f"copy {store.path(node.name).name} there, or make a new key: meshc keys rotate",
    )


def _unknown(node: NodeSpec, diagnostics: Diagnostics) -> None:
    diagnostics.add(
        "E352",
        f"{node.name}: its private key is kept elsewhere, and its public key is not known",
        node.at("private_key_file") or node.at(),
        path=f"nodes.{node.name}.public_key",
        hint=f"add public_key to {node.name}, or run: meshc keys import --public",
    )


def _check_stored(
    node: NodeSpec,
    found: StoredKey,
    public: PublicKey,
    recorded: Recorded,
    diagnostics: Diagnostics,
) -> None:
    if found.readable_by_others:
        diagnostics.add(
            "W353",
            f"{node.name}: other users can read {found.path.name}",
            node.at(),
            path=f"nodes.{node.name}",
            hint=f"chmod 600 {found.path}",
        )
    known = recorded.public_keys.get(node.name)
    if known is not None and known != public:
        diagnostics.add(
            "E351",
            f"{node.name}: {found.path.name} belongs to {public}, the lock file has {known}",
            node.at(),
            path=f"nodes.{node.name}",
            hint="restore the key, or accept it: meshc keys import",
        )


def _check_all(
    spec: Spec,
    public: Mapping[str, PublicKey],
    recorded: Recorded,
    diagnostics: Diagnostics,
) -> None:
    owners: dict[PublicKey, str] = {}
    for name, key in sorted(public.items()):
        node = spec.nodes[name]
        other = owners.setdefault(key, name)
        if other != name:
            diagnostics.add(
                "E354",
                f"{name} has the same key as {other}",
                node.at("public_key"),
                path=f"nodes.{name}.public_key",
                hint="every node needs a key of its own",
            )
        if key in recorded.revoked:
            diagnostics.add(
                "E355",
                f"{name}: its key {key} was revoked",
                node.at("public_key"),
                path=f"nodes.{name}.public_key",
                hint="make a new key on the device, or remove the node",
            )


def without_keys(spec: Spec, public: Mapping[str, PublicKey]) -> Iterator[str]:
    """The managed nodes whose files will have no PrivateKey line, sorted."""
    for name, node in spec.nodes.items():
        if node.managed and name in public and not kept_here(node):
            yield name
