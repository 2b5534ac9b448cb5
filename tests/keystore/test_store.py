"""What a key store promises: the one on disk answers as one in memory does, whatever is asked."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.keys import NetworkSecret, PrivateKey, clamp
from meshc.keystore.key_files import KeyFiles
from meshc.keystore.store import KeyStore, StoredKey
from tests.support.memory_store import MemoryStore

NAMES = ("hub", "hub2", "hub.a")
KEYS = tuple(PrivateKey(clamp(bytes([number]) * 32)) for number in range(3))
SECRETS = tuple(NetworkSecret(bytes([number]) * 32) for number in range(2))

names = st.sampled_from(NAMES)
steps = st.one_of(
    st.tuples(st.just("create"), st.dictionaries(names, st.sampled_from(KEYS))),
    st.tuples(st.sampled_from(["retire", "destroy"]), names),
    st.tuples(st.just("create_secret"), st.sampled_from(SECRETS)),
)


def asked(store: KeyStore, verb: str, argument: object) -> object:
    """The answer, without what a store names as it likes: the files of retired keys."""
    answer = getattr(store, verb)(argument)
    if isinstance(answer, Path):
        return answer.is_relative_to(store.directory)
    if isinstance(answer, list):
        return [path.is_relative_to(store.directory) for path in answer]
    return answer


def held(store: KeyStore) -> tuple[dict[str, PrivateKey], NetworkSecret | None]:
    """All that it knows, with each key where it says that it lies."""
    found = store.read(NAMES)
    assert all(name == stored.name for name, stored in found.items())
    assert all(stored.path == store.path(name) for name, stored in found.items())
    return {name: stored.key for name, stored in found.items()}, store.secret()


@settings(max_examples=40, deadline=None)
@given(st.lists(steps, max_size=12))
def test_the_store_on_disk_answers_as_the_one_in_memory(asks: list[tuple[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        disk, memory = KeyFiles(Path(directory) / "keys", "net"), MemoryStore()
        for verb, argument in asks:
            assert asked(disk, verb, argument) == asked(memory, verb, argument)
            assert held(disk) == held(memory)
        again = KeyFiles(Path(directory) / "keys", "net")
        assert held(again) == held(memory), "and so does the next run"


def test_a_name_that_was_not_asked_for_is_not_told(tmp_path: Path) -> None:
    stores: tuple[KeyStore, ...] = (KeyFiles(tmp_path / "keys", "net"), MemoryStore())
    for store in stores:
        store.create(dict.fromkeys(NAMES, KEYS[0]))
        assert set(store.read(["hub", "nobody"])) == {"hub"}
        assert store.read([]) == {}


def test_a_stored_key_is_shown_without_the_key(tmp_path: Path) -> None:
    store = KeyFiles(tmp_path / "keys", "net")
    store.create({"hub": KEYS[1]})
    stored = store.read(["hub"])["hub"]
    assert isinstance(stored, StoredKey)
    for text in (repr(stored), str(stored), f"{stored}"):
        assert str(tmp_path) in text
        assert KEYS[1].reveal() not in text
        assert KEYS[1].raw.hex() not in text
