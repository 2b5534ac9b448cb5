"""The command line: one file a command, imported only when it runs.

`meshc --help` must answer at once, so the table below carries the short help texts and
nothing heavier than click is imported before a command is chosen.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import click

from meshc import __version__
from meshc.cli.failure import note_json, refuse_as_json

# 128 and the number of SIGINT, as shells count it
INTERRUPTED = 130

# name -> (module, attribute, short help, section)
COMMANDS: dict[str, tuple[str, str, str, str]] = {
    "init": ("meshc.cli.init", "init", "Write a commented starter file.", "Compile"),
    "validate": ("meshc.cli.validate", "validate", "Check topology files.", "Compile"),
    "build": ("meshc.cli.build", "build", "Compile a file into configurations.", "Compile"),
    "verify": ("meshc.cli.verify", "verify", "Prove the emitted files.", "Compile"),
    "explain": ("meshc.cli.explain", "explain", "Tell the story of one pair.", "Compile"),
    "policy": ("meshc.cli.policy", "policy", "Say who may reach what.", "Compile"),
    "graph": ("meshc.cli.graph", "graph", "Draw the network.", "Compile"),
    "qr": ("meshc.cli.qr", "qr", "Show a node's configuration as a QR code.", "Compile"),
    "schema": ("meshc.cli.schema", "schema", "Print the JSON Schema of the language.", "Compile"),
    "keys": ("meshc.cli.keys_group", "keys", "Make, rotate, revoke, encrypt keys.", "Compile"),
    "add": ("meshc.cli.add", "add", "Add a node to the file.", "Change"),
    "remove": ("meshc.cli.remove", "remove", "Take nodes out of the file.", "Change"),
    "rename": ("meshc.cli.rename", "rename", "Rename a node; it keeps key and address.", "Change"),
    "disable": ("meshc.cli.disable", "disable", "Leave nodes out for a while.", "Change"),
    "enable": ("meshc.cli.enable", "enable", "Bring them back.", "Change"),
    "expire": ("meshc.cli.expire", "expire", "Say which nodes leave soon.", "Change"),
    "invite": ("meshc.cli.invite", "invite", "Make a token for a new machine.", "Change"),
    "enrol": ("meshc.cli.enrol", "enrol", "Let in a machine that asked.", "Change"),
    "join": ("meshc.cli.join", "join", "Come in, on the new machine.", "Run"),
    "import": ("meshc.cli.import_", "import_", "Turn wg-quick files into a topology.", "Compile"),
    "up": ("meshc.cli.up", "up", "Bring a node up on this machine.", "Run"),
    "down": ("meshc.cli.down", "down", "Take it down and put everything back.", "Run"),
    "reload": ("meshc.cli.reload", "reload", "Apply a changed file without a restart.", "Run"),
    "status": ("meshc.cli.status", "status", "Show interface, peers and drift.", "Run"),
    "nat": ("meshc.cli.nat_check", "nat", "Say whether two nodes could be direct.", "Run"),
    "agent": ("meshc.cli.agent", "agent", "Look after an interface.", "Run"),
    "door": ("meshc.cli.door", "door", "A relay's doors for new machines.", "Run"),
    "drain": ("meshc.cli.drain", "drain", "Send a relay's leaves to the others.", "Run"),
    "plan": ("meshc.cli.plan", "plan", "Show what a deploy would change.", "Run"),
    "deploy": ("meshc.cli.deploy", "deploy", "Apply to nodes, with rollback.", "Run"),
    "doctor": ("meshc.cli.doctor", "doctor", "Look for what is in the way on nodes.", "Run"),
    "lab": ("meshc.cli.lab", "lab", "Run the network in namespaces.", "Run"),
    "completion": (
        "meshc.cli.completion",
        "completion",
        "Print a completion script for a shell.",
        "Run",
    ),
    "engine": ("meshc.cli.engine", "engine", "The bundled WireGuard engine.", "Run"),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in COMMANDS if _exists(COMMANDS[name][0])]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, attribute, _, _ = COMMANDS[name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        note_json(ctx, args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            refuse_as_json(error)
            raise
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            raise SystemExit(INTERRUPTED) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section in dict.fromkeys(entry[3] for entry in COMMANDS.values()):
            rows = [
                (name, COMMANDS[name][2])
                for name in self.list_commands(ctx)
                if COMMANDS[name][3] == section
            ]
            if rows:
                with formatter.section(section):
                    formatter.write_dl(rows)


def _exists(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with `meshc init`, then `meshc build`. FILE is the mesh.yaml here or above.",
)
@click.version_option(__version__, prog_name="meshc")
def main() -> None:
    """A compiler for WireGuard networks.

    One YAML file says who is public, who sits behind a NAT, who relays. meshc makes every
    node's configuration from it, proves that packets arrive, and brings the nodes up.
    """
