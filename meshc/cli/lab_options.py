"""The options of `meshc lab` that say what world is built."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from meshc.lab.world.layout_options import LayoutOptions

Command = Callable[..., Any]
SHAPES = "latency:ms, jitter:ms, loss:%, kbit:n, mtu:n"
SMALLEST_MTU = 1280
NATS = ("none", "full_cone", "restricted", "port_restricted", "symmetric")


def world_options(command: Command) -> Command:
    """The options that decide what is built; shared by `up` and `test`."""
    for option in reversed(
        (
            click.option(
                "--engine",
                type=click.Choice(("bundled", "wireguard-go", "kernel", "mixed")),
                default="bundled",
                show_default=True,
                help="What runs the nodes; mixed alternates bundled and wireguard-go.",
            ),
            click.option(
                "--runner",
                type=click.Choice(("meshc", "wg-quick")),
                default="meshc",
                show_default=True,
                help="What brings the nodes up from their files.",
            ),
            click.option(
                "--build", type=click.Path(path_type=Path), help="Use these emitted files."
            ),
            click.option(
                "--nat",
                "nats",
                multiple=True,
                metavar="NAME=KIND",
                help=f"Play another NAT for a node or site: {', '.join(NATS)}.",
            ),
            click.option(
                "--double-nat",
                multiple=True,
                metavar="NAME",
                help="A carrier's NAT in front as well.",
            ),
            click.option(
                "--uplink",
                "uplinks",
                multiple=True,
                metavar="[NAME=]KEY:N,...",
                help=f"Shape an uplink (all without NAME): {SHAPES}.",
            ),
        )
    ):
        command = option(command)
    return command


def read_options(double_nat: tuple[str, ...], uplinks: tuple[str, ...]) -> LayoutOptions:
    """What was said on the command line. Raises: click.UsageError."""
    from meshc.lab.world.layout_options import LayoutOptions
    from meshc.lab.world.places import Shape

    shapes: dict[str, Shape] = {}
    for text in uplinks:
        name, equals, rest = text.rpartition("=")
        words = {"latency": "delay", "jitter": "jitter", "loss": "loss"}
        words |= {"kbit": "rate", "mtu": "mtu"}
        values: dict[str, float] = {}
        for part in rest.split(","):
            key, _, number = part.partition(":")
            try:
                values[words[key]] = float(number)
            except (KeyError, ValueError):
                raise click.UsageError(f"--uplink {text}: {part!r} is none of {SHAPES}") from None
        rate, mtu = (int(values.pop(key, 0)) for key in ("rate", "mtu"))
        if 0 < mtu < SMALLEST_MTU:
            raise click.UsageError(f"--uplink {text}: IPv6 needs an MTU of {SMALLEST_MTU}")
        shapes[name if equals else ""] = Shape(**values, rate=rate, mtu=mtu)
    return LayoutOptions(
        shape=shapes.pop("", Shape()), shapes=shapes, carrier=frozenset(double_nat)
    )
