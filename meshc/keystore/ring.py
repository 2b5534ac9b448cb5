"""Every node's key for one build: from the key store, from the topology file, or new.

New keys exist in memory only until the build has been proven; `store` then keeps them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from meshc.diagnostics import Diagnostics
from meshc.keys import NetworkSecret, PresharedKey, PrivateKey, PublicKey, clamp
from meshc.keystore.store import KeyStore, StoredKey
from meshc.render.node_secrets import Secrets
from meshc.topology.language.spec import NodeSpec, Spec
from meshc.topology.planner.addressing.lock import Lock
from meshc.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the lock file knows about keys: the public key of each node, the revoked ones, and the
    `fingerprint` of the network's secret. `built` says that a build has ended with this lock file:
    then there was a secret, also where the lock file is too old to have its fingerprint."""

    public_keys: Mapping[str, PublicKey]
    revoked: frozenset[PublicKey] = frozenset()
    fingerprint: str = ""
    built: bool = False


@dataclass(frozen=True, slots=True)
class KeyRing:
    """`public` has every node whose key is known, `private` those that meshc keeps; `new` names
    the private keys that are not stored yet. `given` is the pre-shared keys that links name."""

    public: Mapping[str, PublicKey]
    private: Mapping[str, PrivateKey]
    secret: NetworkSecret
    new: tuple[str, ...]
    secret_is_new: bool
    given: Mapping[str, PresharedKey] = field(default_factory=dict)

    @property
    def secrets(self) -> Secrets:
        return Secrets(self.private, self.secret, self.given)

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
) -> KeyRing:
    """Finds or makes the key of every node; what is wrong goes into `diagnostics`.

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
            if node.name in recorded.public_keys:
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
    _check_secret(spec, store, secret, recorded, diagnostics)
    return KeyRing(
        public=dict(sorted(public.items())),
        private=private,
        secret=secret or NetworkSecret.generate(),
        new=tuple(sorted(new)),
        secret_is_new=secret is None,
        given=_given(spec, store, diagnostics),
    )


def recorded(lock: Lock) -> Recorded:
    """What stands in this lock file."""
    public = {name: n.public_key for name, n in lock.nodes.items() if n.public_key is not None}
    built = any(node.addresses and node.public_key for node in lock.nodes.values())
    return Recorded(public, frozenset(lock.revoked), lock.fingerprint, built)


def made_up(spec: Spec, lock: Lock) -> KeyRing:
    """Keys made from names, the same in every run: they protect nothing and are never stored, and
    are enough to prove and to draw a network without its secrets."""
    private = {
        node.name: PrivateKey(clamp(_seed(f"key of {node.name}")))
        for node in spec.nodes.values()
        if kept_here(node)
    }
    public = {name: key.public_key() for name, key in private.items()}
    for node in spec.nodes.values():
        known = lock.nodes.get(node.name)
        key = node.public_key or (known.public_key if known else None)
        if node.name not in private and key is not None:
            public[node.name] = key
    named = {link.preshared_key for link in spec.links if isinstance(link.preshared_key, str)}
    given = {name: PresharedKey(_seed(f"pre-shared key {name}")) for name in sorted(named)}
    secret = NetworkSecret(_seed("network"))
    return KeyRing(public, private, secret, (), secret_is_new=False, given=given)


def _seed(label: str) -> bytes:
    return hashlib.sha256(b"meshc validate: " + label.encode()).digest()


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


def _given(spec: Spec, store: KeyStore, diagnostics: Diagnostics) -> dict[str, PresharedKey]:
    """The pre-shared keys that links name. One is never made up: the other end has it already."""
    named = [link for link in spec.links if isinstance(link.preshared_key, str)]
    found = store.read_preshared(sorted({str(link.preshared_key) for link in named}))
    for link in named:
        if link.preshared_key not in found:
            diagnostics.add(
                "E357",
                f"{link.a} and {link.b}: their pre-shared key {link.preshared_key} is not in "
                f"{store.directory.name}/",
                link.location,
                path="links",
                hint=f"copy {link.preshared_key}.psk there, or run: meshc keys import FILE --psk "
                f"{link.a} {link.b}",
            )
    return found


def _check_secret(
    spec: Spec,
    store: KeyStore,
    secret: NetworkSecret | None,
    recorded: Recorded,
    diagnostics: Diagnostics,
) -> None:
    """A secret that is lost or exchanged would change the pre-shared key of every link."""
    at = spec.network.locations.get("")
    if secret is None and (recorded.fingerprint or recorded.built):
        diagnostics.add(
            "E350",
            f"the secret of the network is not in {store.directory.name}/: every pre-shared key "
            "is derived from it",
            at,
            path="network",
            hint="copy network.secret there, or make new pre-shared keys for every link: "
            "meshc keys rotate --psk",
        )
    elif secret is not None and recorded.fingerprint not in ("", secret.fingerprint()):
        diagnostics.add(
            "E351",
            f"network.secret in {store.directory.name}/ is not the one that the lock file records",
            at,
            path="network",
            hint="restore it, or accept new pre-shared keys for every link: "
            "meshc keys rotate --psk",
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
