"""The options of commands that reach relays for their doors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from meshc.cli.node_target import run_option
from meshc.cli.ssh_options import ssh_options
from meshc.cli.views.page import say

if TYPE_CHECKING:
    from meshc.enrolment.door_rounds import DoorRound

_C = TypeVar("_C", bound=Callable[..., Any])


def relay_options(command: _C) -> _C:
    """How relays are reached: `local`, `ssh_config`, `known_hosts` and `run_directory`."""
    command = ssh_options(command)
    command = click.option("--local", is_flag=True, help="The relay is this machine.")(command)
    run_option(command)
    return command


def doors_round(
    file: Path,
    *,
    local: bool,
    ssh_config: Path | None,
    known_hosts: Path | None,
    run_directory: Path,
    now: int,
) -> DoorRound:
    """Who asks at the doors, and answers brought there; what went wrong is said on stderr."""
    from meshc.enrolment.door_rounds import go_round, relay_interface
    from meshc.enrolment.relay_call import LocalRelay, RemoteRelay

    if local:
        found = go_round(file, LocalRelay(relay_interface(file), run_directory), now=now)
    else:
        from meshc.deploy.connect.dial import Dialer

        found = go_round(file, RemoteRelay(file, Dialer(ssh_config, known_hosts)), now=now)
    for trouble in found.troubles:
        say(f"warning: {trouble}", err=True)
    return found
