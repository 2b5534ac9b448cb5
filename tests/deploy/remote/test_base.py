"""Keys in files are hidden, and programs and files end whole or not at all."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from meshc.deploy.protocol import FailureReason
from meshc.deploy.remote.base import Refusal, directory_facts, from_os, read, redact, run, write
from meshc.keys import PrivateKey
from meshc.wg.conf import parse

SPELLINGS = ("PrivateKey = {}", "privatekey={}", "PRESHAREDKEY  =  {}", "# PrivateKey = {}")


@pytest.mark.parametrize("line", SPELLINGS)
def test_no_key_is_left_in_a_redacted_file(line: str) -> None:
    key = PrivateKey.generate().reveal()
    text = f"[Interface]\n{line.format(key)}\n"
    hidden = redact(text, "salt")
    assert key not in hidden
    assert hidden == redact(text, "salt")
    assert hidden != redact(text, "other")


def test_equal_keys_stay_equal_and_a_redacted_file_is_read() -> None:
    one, two = PrivateKey.generate().reveal(), PrivateKey.generate().reveal()
    keys = [parse(redact(f"[Interface]\nPrivateKey = {k}\n", "s")).private_key for k in (one, two)]
    again = parse(redact(f"[Interface]\nPrivateKey = {one}\n", "s")).private_key
    assert keys[0] == again
    assert keys[0] != keys[1]


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write(str(path), b"old")
    monkeypatch.setattr(os, "fsync", _full)
    with pytest.raises(OSError, match="No space"):
        write(str(path), b"new")
    assert (read(str(path)), os.listdir(tmp_path)) == (b"old", ["file"])
    assert path.stat().st_mode & 0o777 == 0o600


def _full(_: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, FailureReason.SPACE),
        (errno.EROFS, FailureReason.READ_ONLY),
        (errno.EACCES, FailureReason.RIGHTS),
        (errno.EIO, FailureReason.FAILED),
    ],
)
def test_the_system_says_no_in_words(number: int, reason: FailureReason) -> None:
    failure = from_os(OSError(number, os.strerror(number), "/etc/wireguard/wg0.conf")).failure
    assert failure.reason is reason
    assert "/etc/wireguard/wg0.conf" in failure.message


def test_a_program_that_fails_says_why_without_keys() -> None:
    key = PrivateKey.generate().reveal()
    words = [sys.executable, "-c", f"import sys; sys.exit('PrivateKey = {key} is wrong')"]
    with pytest.raises(Refusal, match="is wrong") as refused:
        run(words)
    assert key not in refused.value.failure.message
    with pytest.raises(Refusal, match="is not installed"):
        run(["meshc-no-such-program"])
    with pytest.raises(Refusal, match="did not end"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], 0.2)


def test_the_place_for_new_files_may_not_exist_yet(tmp_path: Path) -> None:
    found = directory_facts(str(tmp_path / "a" / "b"))
    assert (found.path, found.writable) == (str(tmp_path), True)
    assert found.free > 0
