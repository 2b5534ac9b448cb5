"""`meshc engine`: the bundled WireGuard by itself, in the place of `wireguard-go`."""

from __future__ import annotations

import sys

import click

from meshc import __version__
from meshc.cli.json_option import json_option, tell


@click.command(
    "engine",
    epilog="""\b
Example:
  meshc engine -f wg0
  WG_QUICK_USERSPACE_IMPLEMENTATION=meshc-engine wg-quick up wg0""",
)
@click.argument("interface")
@click.option(
    "-f",
    "--foreground",
    is_flag=True,
    help="Stay in the foreground (as with WG_PROCESS_FOREGROUND=1).",
)
@click.option(
    "--metrics",
    metavar="ADDRESS",
    help="Serve Prometheus figures on HOST:PORT under /metrics.",
)
@click.option(
    "--nice",
    type=click.IntRange(-20, 19),
    default=-5,
    show_default=True,
    help="Scheduling priority, where there is the right to set it.",
)
@click.version_option(__version__, prog_name="meshc-engine")
@json_option
@click.option("--no-offload", is_flag=True, help="Do not ask the TUN device for offload.")
def engine(
    interface: str,
    foreground: bool,
    metrics: str | None,
    nice: int,
    as_json: bool,
    no_offload: bool,
) -> None:
    """Run a WireGuard INTERFACE in userspace, configured through `wg`.

    A drop-in for wireguard-go: the same argument, the same control socket in
    /var/run/wireguard, and the variables WG_PROCESS_FOREGROUND, LOG_LEVEL (verbose, debug,
    info, error, silent), WG_TUN_FD and WG_UAPI_FD. It goes to the background once it is ready
    and ends when the interface or the socket is removed, or on SIGTERM.
    """
    from meshc.engine.io.daemon import DaemonOptions, StartError, start

    options = DaemonOptions(
        interface=interface,
        foreground=foreground,
        metrics=metrics,
        offload=not no_offload,
        nice=nice,
    )
    try:
        sys.exit(start(options, ready=lambda it: tell(it._asdict()) if as_json else None))
    except StartError as error:
        if as_json:
            from meshc.render.report.json import refusal

            click.echo(refusal(str(error)))
        click.echo(f"meshc engine: {error}", err=True)
        sys.exit(1)


def entry() -> None:
    """`meshc-engine INTERFACE`: the same as a program of its own, which wg-quick wants."""
    engine.main(prog_name="meshc-engine")
