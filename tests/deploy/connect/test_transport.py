"""Commands on this machine: words as they are, input whole, and an end in any case."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import pytest

from meshc.deploy.connect.transport import LocalTransport, Result, TransportError

HOSTILE = ("$(id)", "a b", "'\"", "*", "; exit 9", "-n", "")
ECHO = "import json, sys; print(json.dumps(sys.argv[1:])); sys.stderr.write(sys.stdin.read())"


def run(*argv: str, stdin: bytes = b"", timeout: float = 30) -> Result:
    return asyncio.run(LocalTransport("hub").run(argv, stdin=stdin, timeout=timeout))


def test_no_word_means_anything_to_a_shell() -> None:
    done = run(sys.executable, "-c", ECHO, *HOSTILE)
    assert tuple(json.loads(done.stdout)) == HOSTILE


def test_input_comes_whole_and_output_and_status_come_back() -> None:
    text = b"x\n" * 300_000
    assert run("cat", stdin=text) == Result(0, text, b"")
    failed = run("sh", "-c", "echo out; echo err >&2; exit 3")
    assert failed == Result(3, b"out\n", b"err\n")


def test_a_command_that_does_not_end_is_killed(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    begun = time.monotonic()
    with pytest.raises(TransportError, match="hub: sh did not end in 2 s") as told:
        run("sh", "-c", f"echo $$ > {noted}; exec sleep 60", timeout=2)
    assert time.monotonic() - begun < 30
    assert told.value.hint
    with pytest.raises(ProcessLookupError):
        os.kill(int(noted.read_text()), 0)


def test_a_program_that_is_not_there_is_no_crash(tmp_path: Path) -> None:
    with pytest.raises(TransportError, match=f"hub: {tmp_path}/none: No such file"):
        run(f"{tmp_path}/none")


def test_a_complaint_is_its_last_lines_whatever_the_bytes() -> None:
    said = b"one\ntwo\nthree\nfour\nfi\xffve\n\n"
    assert Result(1, b"", said).complaint == "two\nthree\nfour\nfi\ufffdve"
    assert Result(1, b"out", b"").complaint == ""
