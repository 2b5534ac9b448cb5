"""Every node's key for one build: found, given or made, and kept only when asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.diagnostics import Diagnostics
from meshc.keystore.plain import KeyStore
from meshc.keystore.ring import Recorded, gather, kept_here, without_keys
from meshc.topology.language.spec import Spec
from tests.support.specs import key, node, spec
from tests.support.wire import private_key

SPEC = spec([node("a"), node("b"), node("given", public_key=key("given"))])
NOTHING = Recorded({})


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys", "test")


def codes(of: Spec, store: KeyStore, recorded: Recorded) -> list[str]:
    found = Diagnostics()
    gather(of, store, recorded, found)
    return [one.code for one in found]


def test_new_keys_exist_in_memory_until_they_are_stored(store: KeyStore) -> None:
    ring = gather(SPEC, store, NOTHING, Diagnostics())
    assert ring.new == ("a", "b")
    assert list(ring.public) == ["a", "b", "given"]
    assert not store.directory.exists()
    ring.store(store)
    again = gather(SPEC, store, NOTHING, Diagnostics())
    assert (again.new, again.secret_is_new) == ((), False)
    assert again.public == ring.public


def test_a_recorded_key_is_not_replaced_unless_it_is_for_this_run_only(store: KeyStore) -> None:
    recorded = Recorded({"a": key("a")})
    assert codes(SPEC, store, recorded) == ["E350"]
    found = Diagnostics()
    ring = gather(SPEC, store, recorded, found, ephemeral=True)
    assert list(found) == []
    assert ring.public["a"] != key("a")


def test_a_key_of_another_node_or_a_revoked_one_is_refused(store: KeyStore) -> None:
    store.create({"a": private_key("x"), "b": private_key("x")})
    assert codes(SPEC, store, NOTHING) == ["E354"]
    revoked = Recorded({}, frozenset({key("given")}))
    assert sorted(codes(SPEC, store, revoked)) == ["E354", "E355"]


def test_whose_key_is_kept_on_the_node() -> None:
    assert [name for name, one in SPEC.nodes.items() if kept_here(one)] == ["a", "b"]
    assert list(without_keys(SPEC, {name: key(name) for name in SPEC.nodes})) == ["given"]


def test_no_key_is_shown(store: KeyStore) -> None:
    ring = gather(SPEC, store, NOTHING, Diagnostics())
    for one in ring.private.values():
        assert one.reveal() not in repr(ring)
