"""The manifest: read back equal, and refused when it is not ours."""

from __future__ import annotations

import json

import pytest

from meshc.errors import StateError
from meshc.render.manifest import Manifest, ManifestEntry, parse, render

ENTRIES = [
    ManifestEntry("b/wg0.conf", "b", 0o600, 10, "ab" * 32, True, "a file"),
    ManifestEntry("a/node.json", "a", 0o644, 3, "cd" * 32, False, 'facts, with a "quote"'),
]


def test_read_back_equal_and_sorted() -> None:
    text = render("mesh.yaml", "net", ENTRIES)
    assert parse(text) == Manifest("mesh.yaml", "net", {e.path: e for e in sorted(ENTRIES)})
    assert list(parse(text).files) == ["a/node.json", "b/wg0.conf"]
    assert json.loads(text)["files"][1]["mode"] == "0600"
    assert parse(render("x", "y", [])).files == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"meshc": 2, "topology": "a", "network": "b", "files": []}',
        '{"meshc": 1, "topology": "a", "network": "b", "files": [{}]}',
        render("x", "y", [ENTRIES[0]._replace(path="/etc/passwd")]),
        render("x", "y", [ENTRIES[0]._replace(path="a/../../b")]),
        "[" * 100_000,
    ],
)
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(StateError, match="not a manifest"):
        parse(text)
