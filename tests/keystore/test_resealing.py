"""No secret is lost while all are sealed in another way, whenever that is cut short."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from meshc.errors import StateError
from meshc.keys import NetworkSecret, PrivateKey
from meshc.keystore.key_files import KeyFiles
from meshc.keystore.resealing import recorded_recipients, reseal
from meshc.keystore.secret_sealing import CLEAR, Sealing
from tests.support.age_people import person, sealing

ANNA, BEN = person(), person()
BOTH = sealing(ANNA, BEN, by=[ANNA])
ALONE = sealing(BEN, by=[ANNA, BEN])
NAMES = ("hub", "laptop", "phone")


def filled(directory: Path, form: Sealing) -> dict[str, PrivateKey]:
    store = KeyFiles(directory, "net", form)
    keys = {name: PrivateKey.generate() for name in NAMES}
    store.create({**keys, "old": PrivateKey.generate()})
    store.retire("old")
    store.create_secret(NetworkSecret.generate())
    return keys


def held(directory: Path, form: Sealing) -> dict[str, PrivateKey]:
    found = KeyFiles(directory, "net", form).read(NAMES)
    return {name: stored.key for name, stored in found.items()}


@pytest.mark.parametrize(
    ("before", "after"),
    [(CLEAR, BOTH), (BOTH, ALONE), (ALONE, CLEAR)],
    ids=["encrypt", "other recipients", "decrypt"],
)
def test_every_secret_is_there_after_a_kill_at_any_step(
    before: Sealing, after: Sealing, tmp_path: Path
) -> None:
    step, ended = 0, False
    while not ended:
        step += 1
        directory = tmp_path / str(step)
        keys = filled(directory, before)
        ended = not _killed_at(step, lambda d=directory: reseal(d, ALONE, after))  # type: ignore[misc]
        for name, key in keys.items():
            forms = [directory / f"{name}.key", directory / f"{name}.key.age"]
            assert any(path.exists() for path in forms), (step, name)
            assert _opened(forms) == {key.reveal().encode() + b"\n"}, (step, name)
        assert reseal(directory, ALONE, after).secrets == len(NAMES) + 2
        assert held(directory, after) == keys, step
        wanted = after.recipients if after is not CLEAR else ()  # type: ignore[attr-defined]
        assert recorded_recipients(directory) == wanted
    assert step > 8, "every rename and every removal is one"


def _opened(paths: list[Path]) -> set[bytes]:
    content = [(path, path.read_bytes()) for path in paths if path.exists()]
    return {ALONE.open(c, p) if p.suffix == ".age" else c for p, c in content}


def _killed_at(step: int, work: Callable[[], object]) -> bool:
    """Whether a process that dies at its `step`th change of a directory got that far."""
    child = os.fork()
    if child == 0:
        left = [step]

        def counted(change: Callable[..., object]) -> Callable[..., object]:
            def changed(*words: object, **names: object) -> object:
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return change(*words, **names)

            return changed

        for verb in ("rename", "unlink", "link", "open"):
            setattr(os, verb, counted(getattr(os, verb)))
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_who_was_taken_out_opens_nothing_new(tmp_path: Path) -> None:
    filled(tmp_path / "keys", BOTH)
    reseal(tmp_path / "keys", BOTH, ALONE)
    with pytest.raises(StateError, match="none of your identities"):
        held(tmp_path / "keys", sealing(BEN, by=[ANNA]))


def test_two_different_secrets_are_nobodys_to_choose_from(tmp_path: Path) -> None:
    keys = filled(tmp_path / "keys", BOTH)
    (tmp_path / "keys/hub.key").write_text(PrivateKey.generate().reveal() + "\n")
    before = {path: path.read_bytes() for path in (tmp_path / "keys").iterdir() if path.is_file()}
    with pytest.raises(StateError, match="two different secrets"):
        reseal(tmp_path / "keys", BOTH, ALONE)
    assert before == {path: path.read_bytes() for path in before}
    assert keys.keys() == set(NAMES)
