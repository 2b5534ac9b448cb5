"""`meshc invite`: a token for a machine that makes its own key."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshc.cli.duration import Duration
from meshc.cli.failure import reported
from meshc.cli.json_option import json_option, tell
from meshc.cli.relay_options import doors_round, relay_options
from meshc.cli.settings_argument import settings_line
from meshc.cli.topology_argument import TopologyCommand
from meshc.cli.views.page import say

if TYPE_CHECKING:
    from meshc.enrolment.inviting import Invited

_DAY = 86400


@click.command(cls=TopologyCommand, epilog="Example: meshc invite mesh.yaml nas via=[relay1]")
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path))
@click.argument("name")
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--group", default="", help="The nodes become members of this group.")
@click.option("--uses", type=click.IntRange(1, 250), default=1, help="NAME-1 … NAME-N, one each.")
@click.option(
    "--expires",
    type=Duration(10, 90 * _DAY),
    default="1h",
    show_default=True,
    help="How long the token can be used.",
)
@click.option(
    "--ephemeral",
    metavar="TIME",
    type=Duration(_DAY, 3650 * _DAY),
    help="The nodes leave the network by themselves, so many days (1d, 30d) after they came.",
)
@click.option("--via", default="", metavar="RELAY", help="Open a door for it at this relay.")
@click.option("--door-port", type=click.IntRange(0, 65535), default=0, help="At this UDP port.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write the token here (0600)."
)
@click.option("--qr", "as_code", is_flag=True, help="Show the token as a QR code as well.")
@relay_options
@json_option
@reported
def invite(
    file: Path,
    name: str,
    settings: tuple[str, ...],
    group: str,
    uses: int,
    expires: int,
    ephemeral: int | None,
    via: str,
    door_port: int,
    output: Path | None,
    as_code: bool,
    as_json: bool,
    **reach: Any,
) -> None:
    """Set a name and an address aside for a new Linux machine, and print its token.

    The machine makes its own key: `meshc join TOKEN` there, then `meshc enrol` here. For a phone
    there is `meshc add` and `meshc qr`. With --via nothing is carried but the token: the relay,
    which must run meshc, keeps the request for `meshc enrol` and the answer for the machine.
    """
    from meshc.enrolment.inviting import InvitationWish, invite
    from meshc.files import write_atomic

    wish = InvitationWish(
        name,
        settings_line(settings),
        group,
        uses,
        expires,
        -(-(ephemeral or 0) // _DAY),
        via,
        door_port,
    )
    invited = invite(file, wish, now=int(time.time()))
    if via:
        doors_round(file, now=int(time.time()), **reach)
    line = invited.token.reveal()
    if output is not None:
        write_atomic(output, f"{line}\n".encode(), mode=0o600)
    if as_json:
        shown = {"file": str(output)} if output else {"token": line}
        tell({"invitation": invited.invitation.identifier, **_facts(invited), **shown})
        return
    _tell(invited, line, output)
    if as_code:
        from meshc.render.qr_code import terminal

        sys.stdout.write(terminal(line))


def _facts(invited: Invited) -> dict[str, object]:
    return {
        "nodes": {
            node: [prefix.address for prefix in addresses]
            for node, addresses in invited.addresses.items()
        },
        "expires": invited.token.expires,
    }


def _tell(invited: Invited, line: str, output: Path | None) -> None:
    for node, addresses in invited.addresses.items():
        say(f"{node}: {', '.join(prefix.address for prefix in addresses)} set aside", err=True)
    until = datetime.fromtimestamp(invited.token.expires, UTC)
    say(f"Good until {until:%Y-%m-%d %H:%M} UTC, for who has it: send it to nobody else.", err=True)
    if output is None:
        click.echo(line)
    say(f"Next, there: meshc join {output or 'TOKEN'}", err=True)
