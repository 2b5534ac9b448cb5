"""`meshc agent`: the loop that `up` starts, in the foreground."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from meshc.cli.failure import polite_end, reported
from meshc.cli.json_option import json_option, tell
from meshc.cli.node_target import build_option, run_option, running_interface


@click.command(epilog="Example: meshc up laptop --foreground; or, by itself: meshc agent wg0")
@click.argument("target", metavar="IFACE|NODE")
@build_option
@run_option
@json_option
@reported
def agent(target: str, build: Path, run_directory: Path, as_json: bool) -> None:
    """Look after an interface that is up, until it goes down.

    What others flush is put back, endpoints follow their names, and where the file says `agent`
    the node moves to another relay when its own does not answer. `meshc up` starts this in the
    background; by hand it is for those who brought the interface up without it.
    """
    from meshc.agent.watch import watch
    from meshc.errors import NodeError
    from meshc.node.state_file import StateFile
    from meshc.node.system import agent_process

    interface = running_interface(target, build, run_directory)
    record = StateFile(run_directory, interface).load()
    if record is None:
        raise NodeError(f"{interface} is not up", hint=f"bring it up: `meshc up {target}`")
    if agent_process.runs(record.token):
        raise NodeError(
            f"an agent looks after {interface} already",
            hint=f"its words are in {run_directory}/{interface}-agent.log",
        )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    with polite_end():
        watch(interface, run_directory=run_directory)
    if as_json:
        tell({"interface": interface, "went": True})
