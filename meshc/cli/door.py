"""`meshc door`: what the controller asks of a relay about its doors."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from meshc.cli.failure import reported
from meshc.cli.json_option import json_option, tell
from meshc.cli.node_target import run_option

_LONGEST = 256 << 20


@click.command(epilog="`meshc invite --via` and `meshc enrol` run it, over SSH: meshc door wg0")
@click.argument("interface", metavar="IFACE")
@run_option
@json_option
@reported
def door(interface: str, run_directory: Path, as_json: bool) -> None:
    """Open and close doors for invitations on a relay, as standard input says; as JSON.

    The agent of the interface keeps them. Nothing here decides who comes in.
    """
    from meshc.agent.door_wish import fulfil, read_wish
    from meshc.errors import NodeError
    from meshc.node.nodefile import is_interface_name

    if not is_interface_name(interface):
        raise NodeError(f"{interface!r} is no name of an interface")
    tell(fulfil(interface, read_wish(sys.stdin.buffer.read(_LONGEST)), run_directory))
