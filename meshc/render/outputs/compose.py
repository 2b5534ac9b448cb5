"""docker compose: the tunnel as a service, whose network other services join
(`network_mode: "service:wg0"`). It mounts the wg-quick file that lies beside."""

from __future__ import annotations

import json
from collections.abc import Iterator

from meshc.render.outputs.container import IMAGE, kernel_settings, start_command
from meshc.render.outputs.tunnel import OutputFile, Tunnel
from meshc.secret import SecretText

_TEXT = """\
# The tunnel of {node} in the network {network}. A service that is to use it says
#   network_mode: "service:{interface}"
# and publishes its ports here. It needs a kernel with WireGuard, but no SYS_MODULE.
services:
  {interface_word}:
    image: {image}
    entrypoint: ["/bin/bash", "-ec", {command}]
    cap_add: [NET_ADMIN]
    volumes: [{mount}]
{more}    restart: unless-stopped
"""


def compose(tunnel: Tunnel) -> Iterator[OutputFile]:
    """One file, without secrets."""
    interface, port = tunnel.interface, tunnel.node.listen_port
    settings = kernel_settings(tunnel)
    more = ""
    if settings:
        more += "    sysctls:\n"
        more += "".join(f"      {key}: {_word(value)}\n" for key, value in settings.items())
    if port is not None:
        more += f"    ports: [{_word(f'{port}:{port}/udp')}]\n"
    text = _TEXT.format(
        node=tunnel.node.name,
        network=tunnel.network,
        interface=interface,
        interface_word=_word(interface),
        image=IMAGE,
        # compose fills in variables: a `$` of ours would be doubled, and there is none
        command=_word(start_command(interface)),
        mount=_word(f"../{interface}.conf:/etc/wireguard/{interface}.conf:ro"),
        more=more,
    )
    yield OutputFile(
        "compose.yaml",
        SecretText(text),
        f"copy the node's directory, then: docker compose -f {tunnel.node.name}/compose/"
        "compose.yaml up -d",
        secret=False,
    )


def _word(text: str) -> str:
    """JSON's strings are YAML's."""
    return json.dumps(text, ensure_ascii=False)
