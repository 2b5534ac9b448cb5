"""How a command that could not do its work says so."""

from __future__ import annotations

import functools
import itertools
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn, ParamSpec, TypeVar

import click

from meshc.errors import MeshcError, Refused, StateError

_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
_ONCE_MORE = 0.02  # seconds
FAILED = 2
_JSON = "meshc.json"

_P = ParamSpec("_P")
_R = TypeVar("_R")


def reported(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Turns an exception of meshc, or of the operating system about a file, into a message with
    its hint on stderr, and exit code 2; findings are shown where they are, with exit code 1."""

    @functools.wraps(command)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return command(*args, **kwargs)
        except Refused as refused:
            _show(refused)
        except MeshcError as error:
            fail(error)
        except BrokenPipeError:
            raise  # click ends quietly when the reader of a pipe has gone
        except OSError as error:
            what = f"{error.filename}: " if error.filename else ""
            fail(StateError(f"{what}{error.strerror or error}"))

    return run


def _show(refused: Refused) -> NoReturn:
    """Prints the findings of a refused stage as `meshc validate` does; then exit code 1."""
    from meshc.cli.views.page import say
    from meshc.render.report.json import envelope
    from meshc.render.report.text import format_findings

    if wants_json():
        click.echo(envelope({}, refused.diagnostics))
    say(format_findings(refused.diagnostics), nl=False, err=True)
    sys.exit(1)


def note_json(ctx: click.Context, args: list[str]) -> None:
    """Remembers whether the caller is a program, before anything can go wrong."""
    own = args[: args.index("--")] if "--" in args else args
    pairs = set(itertools.pairwise(own))
    ctx.meta[_JSON] = bool({"--json", "--format=json"} & {*own}) or ("--format", "json") in pairs


def wants_json() -> bool:
    ctx = click.get_current_context(silent=True)
    return ctx is not None and bool(ctx.meta.get(_JSON))


def refuse_as_json(error: click.ClickException) -> None:
    """A mistake in the command line, for a program; click tells people."""
    if wants_json():
        from meshc.render.report.json import refusal

        click.echo(refusal(error.format_message()))


def fail(error: MeshcError) -> NoReturn:
    from meshc.cli.views.page import say

    if wants_json():
        from meshc.render.report.json import refusal

        click.echo(refusal(str(error), getattr(error, "hint", "")))
    say(f"error: {error}", err=True)
    for note in getattr(error, "__notes__", ()):
        say(f"  {note}", err=True)
    hint = getattr(error, "hint", "")
    if hint:
        say(f"  hint: {hint}", err=True)
    sys.exit(FAILED)


@contextmanager
def polite_end() -> Iterator[None]:
    """SIGTERM and SIGHUP end the command as Ctrl-C does, so that what it began is taken back."""
    ends: list[SystemExit] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if number != signal.SIGALRM or not ends:
            ends.append(SystemExit(128 + number))
        raise ends[-1]

    def lost(unraisable: sys.UnraisableHookArgs) -> None:
        """What is raised in a `__del__` or in the callback of a weak reference ends nothing."""
        if unraisable.exc_value in ends:
            signal.setitimer(signal.ITIMER_REAL, _ONCE_MORE)
        else:
            hook(unraisable)

    hook = sys.unraisablehook
    before = {number: signal.signal(number, stop) for number in _ENDING}
    sys.unraisablehook = lost
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)
