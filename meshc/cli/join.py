"""`meshc join`: the new machine makes its key, asks, and takes what it is answered."""

from __future__ import annotations

import platform
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshc.cli.duration import Duration
from meshc.cli.failure import reported
from meshc.cli.json_option import json_option, tell
from meshc.cli.node_target import run_option
from meshc.cli.views.page import say

if TYPE_CHECKING:
    from meshc.enrolment.joining import JoinPlaces, PendingJoin

_DIRECTORY = click.Path(path_type=Path, file_okay=False)
_LONGEST = 8 << 20


@click.command(epilog="Example: meshc join invitation.txt; then: meshc join nas.answer --up")
@click.argument("text", metavar="TOKEN|FILE")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Where the request goes (default: NAME.request here).",
)
@click.option("--host", default="", help="What this machine is called (default: its host name).")
@click.option(
    "--wait",
    type=Duration(1, 7 * 86400),
    default="10m",
    show_default=True,
    help="How long to wait at a door for the answer.",
)
@click.option("--up", "bring_up", is_flag=True, help="Once there is an answer: bring it up.")
@click.option("--keys", type=_DIRECTORY, default=Path("/etc/meshc"), show_default=True)
@click.option("--confs", type=_DIRECTORY, default=Path("/etc/wireguard"), show_default=True)
@run_option
@json_option
@reported
def join(
    text: str,
    output: Path | None,
    host: str,
    wait: int,
    bring_up: bool,
    keys: Path,
    confs: Path,
    run_directory: Path,
    as_json: bool,
) -> None:
    """Come into a network by an invitation, on the machine that comes in.

    With a token (as it is, in FILE, or - for standard input): makes the private key, which never
    leaves this machine, and writes the request that `meshc enrol` takes at the controller. With
    the answer that it gives: puts the node's files in place. A token that names a door at a relay
    needs no files: it asks there, and waits. All of it can be run again.
    """
    from meshc.enrolment.core.armour import kind_of
    from meshc.enrolment.core.enrolment_message import ANSWER
    from meshc.enrolment.door_call import call_door
    from meshc.enrolment.joining import JoinPlaces, ask
    from meshc.errors import NodeError
    from meshc.keys import fingerprint

    places, line = JoinPlaces(keys, confs), _line(text)
    if kind_of(line) == ANSWER:
        _take(line, places, run_directory, bring_up=bring_up, as_json=as_json)
        return
    pending = ask(line, places, host=host or platform.node(), now=int(time.time()))
    door = pending.token.door
    if door is None or output is not None:
        _hand_over(pending, output, as_json=as_json)
        return
    say(
        f"Fingerprint: {fingerprint(pending.request.public_key)}   (tell it to who enrols you)",
        err=True,
    )
    say(f"Asked at {door.host}, UDP port {door.port}; waiting …", err=True)
    answer = call_door(door, pending.token.keys(), pending.line(), seconds=wait)
    if answer is None:
        raise NodeError("nobody has decided yet", hint="run it again: it is the same request")
    _take(answer, places, run_directory, bring_up=bring_up, as_json=as_json)


def _hand_over(pending: PendingJoin, output: Path | None, *, as_json: bool) -> None:
    from meshc.files import write_atomic
    from meshc.keys import fingerprint

    path = output or Path(f"{pending.token.name}.request")
    write_atomic(path, f"{pending.line()}\n".encode())
    key = pending.request.public_key
    if as_json:
        facts = {"public_key": key, "fingerprint": fingerprint(key), "request": str(path)}
        tell({"network": pending.token.network, "name": pending.token.name, **facts})
        return
    say(f"{pending.request.key_file}: this machine's private key")
    say(f"Its public key: {key}")
    say(f"Fingerprint:    {fingerprint(key)}   (tell it to who enrols you)")
    say(f"Next, at the controller of {pending.token.network}: meshc enrol --request {path}")
    say("Then, here: meshc join with the answer.")


def _take(
    line: str, places: JoinPlaces, run_directory: Path, *, bring_up: bool, as_json: bool
) -> None:
    from meshc.enrolment.joining import finish

    joined = finish(line, places)
    if bring_up:
        from meshc import node

        node.up(joined.conf, run_directory=run_directory)
    if as_json:
        facts = {"interface": joined.interface, "conf": str(joined.conf), "up": bring_up}
        tell({"name": joined.name, **facts})
        return
    say(f"This machine is {joined.name}: {joined.conf}")
    say(f"{joined.interface} is up." if bring_up else f"Next: meshc up {joined.conf}")


def _line(text: str) -> str:
    """What TOKEN, FILE or - stand for. Raises: StateError, OSError."""
    from meshc.enrolment.core.armour import kind_of
    from meshc.errors import StateError
    from meshc.files import read_regular

    if text == "-":
        return sys.stdin.read(_LONGEST)
    if kind_of(text) and "." in text and not Path(text).is_file():
        return text
    content = read_regular(Path(text), limit=_LONGEST)
    if content is None:
        raise StateError(f"{text} is no invitation, and no file", hint="copy it again, whole")
    return content.decode("ascii", "replace").strip()
