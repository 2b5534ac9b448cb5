"""A build for the lab alone: the same files as `meshc build` makes, beside nobody's keys.

The topology file, its lock file and the keys that are here are copied into a private directory
and built there. So a lab changes nothing beside the file, and runs in a CI that has the lock
file but no keys: for these nodes it makes up keys of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from meshc.build.pipeline import compile_file
from meshc.build.workspace import Workspace
from meshc.diagnostics import Diagnostic, Diagnostics
from meshc.errors import Refused
from meshc.keystore.key_files import AGE, SECRET
from meshc.lab.world import lab_state
from meshc.topology.planner.addressing.lock_text import format_lock, parse_lock


@contextmanager
def scratch_build(file: Path, tell: Callable[[str], None]) -> Iterator[Path]:
    """The build directory of a throwaway build of `file`; it is gone after the block.

    Raises: Refused when the topology or its proof has errors; StateError.
    """
    tell("build")
    with lab_state.scratch_directory() as directory:
        copy = Workspace(directory / file.name)
        original = Workspace(file)
        shutil.copyfile(original.file, copy.file)
        _copy_keys(original.directory / "keys", copy.directory / "keys")
        _copy_lock(original, copy)
        try:
            result = compile_file(
                copy.file,
                new_lock=True,  # nothing of the copy is ever deployed
                plain_keys=True,
                progress=lambda stage, *_: tell(f"build: {stage}"),
            )
        except Refused as refused:
            raise Refused(_at_home(refused.diagnostics, directory, file.parent)) from None
        yield result.out


def _at_home(found: Iterable[Diagnostic], scratch: Path, home: Path) -> Iterator[Diagnostic]:
    """Findings with the places that the user knows, instead of those of the copy."""
    for diagnostic in found:
        place = diagnostic.location
        if place is not None and Path(place.file).is_relative_to(scratch):
            own = str(home / Path(place.file).relative_to(scratch))
            diagnostic = replace(diagnostic, location=replace(place, file=own))
        yield diagnostic


def _copy_keys(source: Path, target: Path) -> None:
    """Copies what can be read, which is nothing that is encrypted; file modes come along."""
    if source.is_dir():
        target.mkdir(mode=0o700)
        for entry in sorted(source.iterdir()):
            if entry.is_file() and not entry.is_symlink() and entry.suffix != AGE:
                shutil.copy(entry, target / entry.name)


def _copy_lock(original: Workspace, copy: Workspace) -> None:
    """Copies the lock file, without public keys whose private halves are not here. A lock file
    that cannot be read is copied as it is, so that the build says what is wrong with it."""
    if not original.lock_file.is_file():
        return
    text = original.lock_file.read_text()
    lock = parse_lock(text, str(original.lock_file), Diagnostics())
    if lock is not None:
        here = {path.stem for path in (copy.directory / "keys").glob("*.key")}
        nodes = {
            name: node if name in here else replace(node, public_key=None)
            for name, node in lock.nodes.items()
        }
        fingerprint = lock.fingerprint if (copy.directory / "keys" / SECRET).exists() else ""
        text = format_lock(replace(lock, nodes=nodes, fingerprint=fingerprint))
    copy.lock_file.write_text(text)
