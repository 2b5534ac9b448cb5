"""All secrets of a directory, sealed in another way: encrypted, decrypted, for other recipients.

Every secret is there at every moment, in the old form or the new: new files are complete before
the old ones go, and what was cut short is ended by doing it again. `recipients` in the directory
says whom all of it is encrypted to, and is written last.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from meshc.errors import StateError
from meshc.files import read_regular
from meshc.keystore.age_sealing import RECORD
from meshc.keystore.file_publishing import exchange
from meshc.keystore.key_files import AGE, RETIRED
from meshc.keystore.secret_sealing import CLEAR, Sealing
from meshc.values import dataclass

_SECRET = re.compile(
    r"(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,200}\.(?:key|psk)|network\.secret)(?:\.age)?"
)
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LIMIT = 1 << 18


@dataclass(frozen=True, slots=True)
class Resealed:
    """The number of secrets, and the files in the old form that are gone."""

    secrets: int
    removed: tuple[Path, ...]


def recorded_recipients(directory: Path) -> tuple[str, ...]:
    """Whom all of the directory is encrypted to; nobody where nothing is, or it was not ended."""
    content = read_regular(directory / RECORD, limit=_LIMIT)
    lines = (content or b"").decode("utf-8", "replace").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


def lies_in_the_clear(directory: Path) -> bool:
    """Whether a secret is there that is not encrypted, a retired one among them."""
    places = (directory, directory / RETIRED)
    return any(not entry.endswith(AGE) for place in places for entry in _entries(place))


def reseal(directory: Path, opening: Sealing, target: Sealing) -> Resealed:
    """Brings every secret into the form of `target`; `opening` opens those that are encrypted now.

    Raises: StateError when one cannot be opened, or lies in both forms with different contents;
    then nothing has changed. OSError.
    """
    secrets = 0
    changes: list[tuple[Path, dict[str, bytes], list[Path]]] = []
    for place in (directory, directory / RETIRED):
        files: dict[str, bytes] = {}
        old: list[Path] = []
        for name in sorted({entry.removesuffix(AGE) for entry in _entries(place)}):
            content = _content(place / name, opening)
            files[name + target.suffix] = target.seal(content)
            other = place / (name + ("" if target.suffix else AGE))
            old += [other] if os.path.lexists(other) else []
        secrets += len(files)
        changes.append((place, files, old))
    for place, files, _ in changes:
        _exchange(place, files)
    removed = [path for _, _, old in changes for path in old]
    for path in removed:
        path.unlink()
    if RECORD not in target.beside:
        (directory / RECORD).unlink(missing_ok=True)
    _exchange(directory, target.beside, mode=0o644)
    return Resealed(secrets, tuple(removed))


def _entries(directory: Path) -> Iterator[str]:
    if directory.is_dir():
        yield from filter(_SECRET.fullmatch, os.listdir(directory))


def _content(path: Path, opening: Sealing) -> bytes:
    """The secret at `path` without its `.age`, in whichever form it lies there."""
    sealed_path = path.with_name(path.name + AGE)
    clear, sealed = (read_regular(one, limit=_LIMIT) for one in (path, sealed_path))
    if sealed is None:
        assert clear is not None
        return CLEAR.open(clear, path)
    opened = opening.open(sealed, sealed_path)
    if clear is not None and clear.strip() != opened.strip():
        raise StateError(
            f"{path} and {sealed_path} hold two different secrets",
            hint="mesh.lock has the public key of the right one; move the other away",
        )
    return opened


def _exchange(directory: Path, files: Mapping[str, bytes], *, mode: int = 0o600) -> None:
    if files:
        descriptor = os.open(directory, _DIRECTORY)
        try:
            exchange(descriptor, files, mode=mode)
        finally:
            os.close(descriptor)
