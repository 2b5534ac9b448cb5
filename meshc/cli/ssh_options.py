"""The options of commands that reach nodes over SSH to ask them something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_C = TypeVar("_C", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path, dir_okay=False)


def ssh_options(command: _C) -> _C:
    """`ssh_config` and `known_hosts`."""
    for option in (
        click.option("--known-hosts", type=_FILE, help="Host keys that ssh believes."),
        click.option("--ssh-config", type=_FILE, help="Instead of ~/.ssh/config."),
    ):
        command = option(command)
    return command
