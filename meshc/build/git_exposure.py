"""The exposure of a file to git: whether `git add` would take it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from meshc.diagnostics import Diagnostics, Location
from meshc.render.manifest import ManifestEntry


def warn_of_exposure(
    directory: Path, entries: Iterable[ManifestEntry], diagnostics: Diagnostics
) -> None:
    """Finds that git would take the private keys of a build: of the first file it is asked."""
    secret = next((entry.path for entry in entries if entry.secret), None)
    if secret is not None and exposed(directory / secret):
        ignore = directory / ".gitignore"
        diagnostics.add(
            "W356",
            f"git would take {directory / secret}, with its private key",
            Location(str(ignore), 1, 1),
            hint=f"add the line `/*/*.conf*` to {ignore}, or build into a new directory with -o",
        )


def exposed(path: Path) -> bool:
    """Whether `path` lies in a work tree and nothing there tells git to leave it out.

    Without git, or in a work tree that git refuses to look at, nobody can add it.
    """
    place = path.absolute()
    if not any((parent / ".git").exists() for parent in place.parents):
        return False
    # a repository may name a program to be run for its index: not by us
    command = ["git", "-c", "core.fsmonitor=false", "check-ignore", "-q", "--no-index", "--"]
    try:
        done = subprocess.run(
            [*command, place.name],
            cwd=place.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 1
