"""Secrets that other programs keep: here, small ones that keep them in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.errors import StateError
from meshc.keys import NetworkSecret, PrivateKey
from meshc.keystore.key_programs import DELETE, GET, PUT, KeyPrograms, configured


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    vault = tmp_path / "vault"
    (vault / "retired").mkdir(parents=True)
    return {
        GET: f"cat {vault}/{{name}}",
        PUT: f"tee {vault}/{{name}}",
        DELETE: f"rm {vault}/{{name}}",
    }


@pytest.fixture
def store(tmp_path: Path, environment: dict[str, str]) -> KeyPrograms:
    return KeyPrograms(tmp_path / "keys", "net", configured(environment))


def test_what_is_stored_is_read(store: KeyPrograms, tmp_path: Path) -> None:
    key, secret = PrivateKey.generate(), NetworkSecret.generate()
    assert store.read(["laptop"]) == {}
    assert store.create({"laptop": key}) == {"laptop": key}
    assert store.create({"laptop": PrivateKey.generate()}) == {"laptop": key}
    assert store.read(["laptop", "phone"])["laptop"].key == key
    assert store.secret() is None
    assert store.create_secret(secret).reveal() == secret.reveal()
    assert not (tmp_path / "keys").exists(), "meshc keeps nothing itself"
    assert store.retire("laptop") is not None
    assert store.read(["laptop"]) == {}
    assert store.destroy("laptop") == []


def test_a_program_that_fails_is_not_a_secret_that_is_missing(tmp_path: Path) -> None:
    """Else a locked vault would have every key made anew."""
    programs = configured({GET: "sh -c 'exit 3' {name}", PUT: "tee /dev/null {name}"})
    with pytest.raises(StateError, match=r"MESHC_KEYS_GET ended with 3 for laptop\.key"):
        KeyPrograms(tmp_path, "net", programs).read(["laptop"])


def test_what_is_not_kept_is_said(tmp_path: Path) -> None:
    programs = configured({GET: "cat /nowhere/{name}", PUT: "sh -c 'cat >/dev/null' {name}"})
    with pytest.raises(StateError, match=r"laptop\.key is not kept"):
        KeyPrograms(tmp_path, "net", programs).create({"laptop": PrivateKey.generate()})


def test_nothing_is_forgotten_without_a_program_for_it(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    del environment[DELETE]
    store = KeyPrograms(tmp_path / "keys", "net", configured(environment))
    store.create({"laptop": PrivateKey.generate()})
    with pytest.raises(StateError, match="cannot be taken out"):
        store.destroy("laptop")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "none are named"),
        ({GET: "pass show", PUT: "x {name}"}, "does not say where"),
        ({GET: "pass 'show {name}", PUT: "x {name}"}, "cannot be read"),
    ],
)
def test_programs_that_cannot_work_are_refused(variables: dict[str, str], said: str) -> None:
    with pytest.raises(StateError, match=said):
        configured(variables)
