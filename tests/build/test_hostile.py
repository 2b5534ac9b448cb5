"""Whatever a topology says, nobody gets a line into an emitted file that the file does not name.

Each hostile word stands once in each place where a word may stand. Either the language refuses
it, or the build has the same settings as with a harmless word, one for one.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from meshc.build.pipeline import compile_file
from meshc.diagnostics import Diagnostics
from meshc.errors import Refused
from meshc.topology.language.load import load_spec
from meshc.wg.conf import parse
from tests.support.hostile import HOSTILE

WORDS = [word for word in HOSTILE if len(word) < 100]
PLACES = ("hook", "endpoint", "dns", "node", "domain", "table", "key_command", "site")


def topology(place: str, word: str) -> str:
    def at(here: str, usual: str) -> str:
        return word if here == place else usual

    tree: dict[str, Any] = {
        "meshc": 1,
        "network": {
            "name": "demo",
            "addresses": ["10.44.0.0/24"],
            "domain": at("domain", "demo.net"),
        },
        "sites": {at("site", "home"): {}},
        "nodes": {
            "hub": {"role": "relay", "endpoint": at("endpoint", "hub.demo.net")},
            at("node", "laptop"): {
                "site": at("site", "home"),
                "post_up": ["echo before", at("hook", "echo usual"), "echo after"],
                "dns": [at("dns", "1.1.1.1")],
                "table": at("table", "auto"),
            },
            "vault": {
                "private_key_command": at("key_command", "cat /etc/key"),
                "public_key": "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=",
            },
        },
    }
    return json.dumps(tree)


def shapes(folder: Path, text: str) -> list[list[str]] | None:
    """The keys of every line of every emitted configuration; None when the file is refused."""
    if load_spec(text, file="mesh.yaml", diagnostics=Diagnostics()) is None:
        return None
    folder.mkdir()
    (folder / "mesh.yaml").write_text(text, encoding="utf-8")
    try:
        compile_file(folder / "mesh.yaml")
    except Refused:
        assert not (folder / "build").exists()
        return None
    found = []
    for path in sorted((folder / "build").glob("*/*.conf")):
        content = path.read_text(encoding="utf-8")
        parse(content)
        lines = (line for line in content.splitlines() if line and not line.startswith("#"))
        found.append([line.partition("=")[0].strip() for line in lines])
    assert found
    names = {path.name for path in (folder / "build").iterdir() if path.is_dir()}
    assert names == {path.parent.name for path in folder.rglob("wg0.conf")}
    return sorted(found)


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of builds that nobody keeps."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.mark.parametrize("place", PLACES)
def test_no_word_adds_a_line(place: str, tmp_path: Path) -> None:
    usual = {
        "dns": {"1.1.1.1", "lan"},
        "table": {"auto", "main"},
    }.get(place, {"harmless"} if place != "key_command" else {"true"})
    allowed = [shapes(tmp_path / f"u{n}", topology(place, w)) for n, w in enumerate(sorted(usual))]
    assert None not in allowed
    accepted = 0
    for number, word in enumerate(WORDS):
        shape = shapes(tmp_path / str(number), topology(place, word))
        accepted += shape is not None
        assert shape is None or shape in allowed, (place, word)
    assert accepted < len(WORDS)


@pytest.mark.parametrize("word", ["echo $(id)", "a; b", "x && y", "echo '[Peer]'", '%i "q" `w`'])
def test_a_hook_arrives_as_it_was_written(word: str, tmp_path: Path) -> None:
    """Commands are what their author wrote; only the lines around them are protected."""
    (tmp_path / "mesh.yaml").write_text(topology("hook", word), encoding="utf-8")
    compile_file(tmp_path / "mesh.yaml")
    conf = parse((tmp_path / "build/laptop/wg0.conf").read_text(encoding="utf-8"))
    assert conf.post_up == ("echo before", word, "echo after")
