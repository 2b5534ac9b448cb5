"""A command that cannot do its work says why on stderr, and what to do."""

from __future__ import annotations

import os
import signal
import sys
import time

import click
import pytest
from click.testing import CliRunner

from meshc.cli.failure import FAILED, polite_end, reported
from meshc.diagnostics import Diagnostic
from meshc.errors import Refused, StateError


def run(error: Exception) -> tuple[int, str, str]:
    @click.command()
    @reported
    def command() -> None:
        raise error

    done = CliRunner().invoke(command)
    return done.exit_code, done.stdout, done.stderr


def test_an_error_with_its_note_and_hint() -> None:
    error = StateError("the lock is gone", hint="restore it")
    error.add_note("it was there yesterday")
    told = "error: the lock is gone\n  it was there yesterday\n  hint: restore it\n"
    assert run(error) == (FAILED, "", told)


def test_an_error_of_the_system_names_the_file() -> None:
    error = PermissionError(13, "Permission denied", "mesh.yaml")
    assert run(error) == (FAILED, "", "error: mesh.yaml: Permission denied\n")


def test_a_refusal_is_its_findings() -> None:
    code, out, err = run(Refused([Diagnostic("E110", "unknown key 'x'")]))
    assert (code, out) == (1, "")
    assert err.startswith("E110 unknown key\n   unknown key 'x'")


def test_a_bug_is_no_message() -> None:
    @click.command()
    @reported
    def command() -> None:
        raise ZeroDivisionError

    assert isinstance(CliRunner().invoke(command).exception, ZeroDivisionError)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_unwinds_and_the_handlers_are_put_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as ended, polite_end():
        os.kill(os.getpid(), number)
    assert ended.value.code == 128 + number
    assert signal.getsignal(number) == before


def test_a_signal_that_comes_where_nothing_can_be_raised_ends_it_a_moment_later() -> None:
    """In a `__del__`, say: an exception there is printed by the interpreter, and forgotten."""

    class Falling:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.001)  # the handler runs here

    gone = []

    def work() -> None:
        Falling()
        gone.append("and life goes on")
        end = time.monotonic() + 60
        while time.monotonic() < end:
            time.sleep(0.01)

    before = sys.unraisablehook
    with pytest.raises(SystemExit) as ended, polite_end():
        work()
    assert gone
    assert ended.value.code == 128 + signal.SIGTERM
    assert sys.unraisablehook is before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
