"""The ring of keys asks a store for no more than the protocol says: here, one in memory."""

from __future__ import annotations

import pytest

from meshc.diagnostics import Diagnostics
from meshc.keys import PrivateKey, encode
from meshc.keystore.ring import Recorded, gather, kept_here, made_up, recorded, without_keys
from meshc.keystore.store import KeyStore
from meshc.topology.language.load import load_spec
from meshc.topology.language.spec import Spec
from meshc.topology.planner.addressing.lock import Lock, LockedNode
from tests.support.memory_store import MemoryStore

TEXT = (
    "meshc: 1\nnetwork: {name: demo, addresses: 10.44.0.0/24}\n"
    "nodes:\n  hub: {role: relay, endpoint: hub.demo-vpn.net}\n"
    "  a: {private_key_file: /etc/wireguard/key}\n  b: {}\n"
)
KEY = PrivateKey.generate()


@pytest.fixture
def spec() -> Spec:
    loaded = load_spec(TEXT, file="f.yaml", diagnostics=Diagnostics())
    assert loaded is not None
    return loaded


def known(**keys: PrivateKey) -> Recorded:
    return Recorded({name: key.public_key() for name, key in keys.items()})


def test_new_keys_are_stored_when_told_and_found_again(spec: Spec) -> None:
    memory = MemoryStore()
    store: KeyStore = memory
    ring = gather(spec, store, known(a=KEY), Diagnostics())
    assert (ring.new, ring.secret_is_new) == (("b", "hub"), True)
    assert memory.keys == {}, "not before the build is proven"
    ring.store(store)
    again = gather(spec, store, known(a=KEY), Diagnostics())
    assert (again.new, again.secret_is_new) == ((), False)
    assert again.public == ring.public
    assert again.private == ring.private
    assert again.secret == ring.secret
    assert list(without_keys(spec, again.public)) == ["a"]


def test_a_recorded_key_that_is_not_here_is_told_and_not_replaced(spec: Spec) -> None:
    store, diagnostics = MemoryStore(), Diagnostics()
    ring = gather(spec, store, known(b=KEY), diagnostics)
    assert [found.code for found in diagnostics] == ["E352", "E350"]
    assert ring.new == ("hub",)
    assert "b" not in ring.private
    ring.store(store)
    assert list(store.keys) == ["hub"]


def test_it_is_replaced_for_a_run_that_stores_nothing(spec: Spec) -> None:
    """A key that is made up stands for it, in a proof without its secrets."""
    ring, store = (
        made_up(spec, Lock(nodes={"b": LockedNode((), None, KEY.public_key())})),
        MemoryStore(),
    )
    assert ring.public["b"] == ring.private["b"].public_key() != KEY.public_key()
    ring.store(store)
    assert (store.keys, store.secret()) == ({}, None)


def test_another_key_than_the_recorded_one_is_told(spec: Spec) -> None:
    store, diagnostics = MemoryStore(), Diagnostics()
    store.create({"b": PrivateKey.generate()})
    gather(spec, store, known(a=KEY, b=PrivateKey.generate()), diagnostics)
    assert [found.code for found in diagnostics] == ["E351"]


def test_a_key_of_another_node_or_a_revoked_one_is_refused(spec: Spec) -> None:
    store, diagnostics = MemoryStore(), Diagnostics()
    store.create({"b": KEY, "hub": KEY})
    a = PrivateKey.generate().public_key()
    gather(spec, store, Recorded({"a": a}, frozenset({a})), diagnostics)
    found = {one.code: one.path for one in diagnostics}
    assert found == {"E354": "nodes.hub.public_key", "E355": "nodes.a.public_key"}


def test_whose_key_is_kept_on_the_node(spec: Spec) -> None:
    assert [name for name, node in spec.nodes.items() if kept_here(node)] == ["b", "hub"]
    assert list(without_keys(spec, dict.fromkeys(spec.nodes, KEY.public_key()))) == ["a"]
    assert list(without_keys(spec, {})) == [], "a node without any key has no file"


def test_no_key_is_shown(spec: Spec) -> None:
    store, diagnostics = MemoryStore(), Diagnostics()
    store.create({"b": KEY})
    ring = gather(spec, store, known(b=PrivateKey.generate(), hub=KEY), diagnostics)
    assert ring.private
    shown = f"{ring!r} {ring.secrets!r} {[*diagnostics]!r}"
    for one in (*ring.private.values(), KEY):
        assert one.reveal() not in shown
    assert encode(ring.secret.raw) not in shown
    assert repr(ring.secret.raw) not in shown


def test_made_up_keys_are_the_same_in_every_run_and_complete_with_the_lock(spec: Spec) -> None:
    lock = Lock(nodes={"a": LockedNode((), None, KEY.public_key())}, revoked=(KEY.public_key(),))
    one, other = made_up(spec, lock), made_up(spec, lock)
    assert one.public == other.public
    assert one.public.keys() == spec.nodes.keys()
    assert one.public["a"] == KEY.public_key()
    assert one.private.keys() == {n.name for n in spec.nodes.values() if kept_here(n)}
    assert one.new == ()
    assert "a" not in made_up(spec, Lock()).public
    assert recorded(lock) == Recorded({"a": KEY.public_key()}, frozenset({KEY.public_key()}))
