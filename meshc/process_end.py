"""How the process of a command ends."""

from __future__ import annotations

_at_once = False


def end_at_once() -> None:
    """For a command that leaves millions of values and nothing to tidy up: the program then ends
    its process without taking them apart one by one, which takes a while."""
    global _at_once
    _at_once = True


def is_at_once() -> bool:
    """Whether a command has said so."""
    return _at_once
