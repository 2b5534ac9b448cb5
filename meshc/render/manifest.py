"""`manifest.json`: every emitted file, what it is for, and how to recognise it again.

It has no times and no paths of the machine that built it: two builds of one input have the
same manifest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from meshc.errors import StateError

FORMAT = 1
NAME = "manifest.json"


class ManifestEntry(NamedTuple):
    """One file. `path` is relative to the build directory, `mode` is a number, `sha256` is hex."""

    path: str
    node: str
    mode: int
    size: int
    sha256: str
    secret: bool
    purpose: str


class Manifest(NamedTuple):
    """`topology` is the base name of the file that the build came from."""

    topology: str
    network: str
    files: Mapping[str, ManifestEntry]


def render(topology: str, network: str, files: Iterable[ManifestEntry]) -> str:
    """One line a file, sorted by path, so that a diff of two manifests reads well."""
    rows = [
        json.dumps({**entry._asdict(), "mode": f"{entry.mode:04o}"}, ensure_ascii=False)
        for entry in sorted(files)
    ]
    body = ",\n".join(f"    {row}" for row in rows)
    return (
        "{\n"
        f'  "meshc": {FORMAT},\n'
        f'  "topology": {json.dumps(topology)},\n'
        f'  "network": {json.dumps(network)},\n'
        f'  "files": [\n{body}\n  ]\n'
        "}\n"
    )


def parse(text: str) -> Manifest:
    """Raises: StateError when it is not a manifest that this version wrote."""
    try:
        data = json.loads(text)
        entries = [_entry(item) for item in data["files"]]
        if data["meshc"] != FORMAT:
            raise ValueError("format")
        return Manifest(
            str(data["topology"]), str(data["network"]), {entry.path: entry for entry in entries}
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StateError(
            f"{NAME} is not a manifest of this version of meshc",
            hint="build into an empty directory with -o, or delete the old build",
        ) from error


def _entry(item: Mapping[str, object]) -> ManifestEntry:
    path = str(item["path"])
    if path.startswith("/") or "\\" in path or ".." in path.split("/"):
        raise ValueError("a path leaves the build directory")
    return ManifestEntry(
        path=path,
        node=str(item["node"]),
        mode=int(str(item["mode"]), 8),
        size=int(str(item["size"])),
        sha256=str(item["sha256"]),
        secret=bool(item["secret"]),
        purpose=str(item["purpose"]),
    )
