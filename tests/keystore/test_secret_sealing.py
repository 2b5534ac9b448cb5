"""The two forms of a store promise the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.errors import StateError
from meshc.keys import NetworkSecret, PresharedKey, PrivateKey
from meshc.keystore.key_files import KeyFiles
from meshc.keystore.secret_sealing import CLEAR, Sealing
from tests.support.age_people import person, sealing

ANNA = person()
FORMS = {"clear": CLEAR, "sealed": sealing(ANNA, by=[ANNA])}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_what_is_stored_is_read(form: Sealing, tmp_path: Path) -> None:
    store = KeyFiles(tmp_path / "keys", "net", form)
    key, secret = PrivateKey.generate(), NetworkSecret.generate()
    preshared = PresharedKey(bytes(range(32)))
    assert store.create({"laptop": key}) == {"laptop": key}
    assert store.create({"laptop": PrivateKey.generate()}) == {"laptop": key}
    assert store.create_secret(secret).reveal() == secret.reveal()
    assert store.create_preshared({"a.b": preshared}) == {"a.b": preshared}
    again = KeyFiles(tmp_path / "keys", "net", form)
    assert again.read(["laptop"])["laptop"].key == key
    assert again.names() == ["laptop"]
    assert again.read_preshared(["a.b"]) == {"a.b": preshared}
    aside = again.retire("laptop")
    assert aside is not None
    assert aside.exists()
    assert again.read(["laptop"]) == {}
    assert again.destroy("laptop") == [aside]


def test_nothing_sealed_is_readable_and_only_it_is_committed(tmp_path: Path) -> None:
    store = KeyFiles(tmp_path / "keys", "net", sealing(ANNA, by=[ANNA]))
    key = PrivateKey.generate()
    store.create({"laptop": key})
    for file in store.directory.iterdir():
        assert key.reveal().encode() not in file.read_bytes()
    assert (store.directory / ".gitignore").read_text().split() == [
        *("*", "!.gitignore", "!recipients", "!*.age")
    ]
    store.path("laptop").chmod(0o644)  # as git checks it out
    assert not store.read(["laptop"])["laptop"].readable_by_others


def test_who_has_no_identity_adds_a_key(tmp_path: Path) -> None:
    key = PrivateKey.generate()
    KeyFiles(tmp_path / "keys", "net", sealing(ANNA)).create({"laptop": key})
    store = KeyFiles(tmp_path / "keys", "net", sealing(ANNA, by=[ANNA]))
    assert store.read(["laptop"])["laptop"].key == key


@pytest.mark.parametrize("first", FORMS)
def test_a_key_in_the_other_form_is_not_missing(first: str, tmp_path: Path) -> None:
    """A new one in its place would cut the node off."""
    one, other = FORMS[first], FORMS[next(name for name in FORMS if name != first)]
    KeyFiles(tmp_path / "keys", "net", one).create({"laptop": PrivateKey.generate()})
    with pytest.raises(StateError, match=r"keys\.store") as caught:
        KeyFiles(tmp_path / "keys", "net", other).read(["laptop"])
    assert ("decrypt" if first == "sealed" else "encrypt") in str(caught.value.hint)
