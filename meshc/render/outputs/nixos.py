"""NixOS: a module that runs wg-quick(8) with the file of the node. The file stays outside of the
store, which everybody on the machine may read: its place is text, not a path of Nix.

The flake has a directory with nothing else in it: a flake is copied into the store with all that
lies beside it, and one for the whole build would take the keys along.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from meshc.render.outputs.tunnel import OutputFile, OutputRefusedError, Tunnel
from meshc.secret import SecretText


def nixos(tunnel: Tunnel) -> Iterator[OutputFile]:
    """Raises: OutputRefusedError for an interface whose name is code in Nix."""
    name, port = tunnel.interface, tunnel.node.listen_port
    if "${" in name:
        raise OutputRefusedError(f"{name!r} is no name for NixOS")
    lines = [
        f"# {tunnel.node.name} in {tunnel.network}; {name}.conf lies outside of the store",
        "{ pkgs, ... }:",
        "{",
        f"  networking.wg-quick.interfaces.{_text(name)}.configFile = "
        f"{_text(f'/etc/wireguard/{name}.conf')};",
    ]
    if port is not None:
        lines.append(f"  networking.firewall.allowedUDPPorts = [ {port} ];")
    if tunnel.own_table:
        # NixOS drops by rp_filter rules of its own what comes in beside the default route
        lines.append('  networking.firewall.checkReversePath = "loose";')
    if tunnel.hooks.lines:
        tools = "iproute2 iptables nftables procps gnugrep gnused coreutils"
        lines.append(
            f"  systemd.services.{_text(f'wg-quick-{name}')}.path = with pkgs; [ {tools} ];"
        )
    lines.append("}")
    yield OutputFile(
        f"{name}.nix",
        SecretText("\n".join(lines) + "\n"),
        f"import it into configuration.nix; put {name}.conf to /etc/wireguard/ there, mode 0600",
        secret=False,
    )
    yield OutputFile(
        "flake.nix",
        SecretText(
            "{\n  outputs = { self }: {\n"
            f"    nixosModules.default = ./. + {_text(f'/{name}.nix')};\n"
            "  };\n}\n"
        ),
        f"the same as a flake: inputs.NAME.url = path:.../{tunnel.node.name}/nixos",
        secret=False,
    )


def _text(word: str) -> str:
    """A string of Nix, in which nothing of ours needs more than JSON's quoting."""
    return json.dumps(word, ensure_ascii=False)
