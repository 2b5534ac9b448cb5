"""The store is the one that the topology file names."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.keystore.choice import open_store
from meshc.keystore.key_files import KeyFiles
from meshc.keystore.key_programs import GET, PUT, KeyPrograms
from meshc.topology.language.spec import KeysSpec
from tests.support.age_people import person


def test_the_store_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GET, "cat {name}")
    monkeypatch.setenv(PUT, "tee {name}")
    plain, age, command = (
        open_store(tmp_path, "net", KeysSpec(kind, (person().recipient,)))
        for kind in ("plain", "age", "command")
    )
    assert isinstance(plain, KeyFiles)
    assert plain.path("a").name == "a.key"
    assert age.path("a").name == "a.key.age"
    assert isinstance(command, KeyPrograms)
