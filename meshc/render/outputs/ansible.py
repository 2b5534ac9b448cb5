"""Ansible: an inventory of one host, and a role that puts its wg-quick file to work on trial.

The inventories of several nodes are given together; role and playbook are the same for all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from meshc.render.outputs.tunnel import OutputFile, Tunnel
from meshc.render.templates import source
from meshc.secret import SecretText

_WINDOW = 60
_ROLE = "roles/wireguard"
_FILES = {
    "playbook.yaml": ("playbook.yaml", "plays the role for the inventories that it is given"),
    "main.yaml": (f"{_ROLE}/tasks/main.yaml", "the role: what lies where on the node"),
    "switch.yaml": (f"{_ROLE}/tasks/switch.yaml", "the role: a change on trial, then confirmed"),
    "switch.sh": (f"{_ROLE}/files/switch.sh", "the role: runs on the node, and puts it back"),
}


def ansible(tunnel: Tunnel) -> Iterator[OutputFile]:
    """Without a secret: the wg-quick file beside it is what is copied."""
    yield OutputFile(
        "inventory.yaml",
        SecretText(_inventory(tunnel)),
        "ansible-playbook -i inventory.yaml playbook.yaml",
        secret=False,
    )
    for template, (name, purpose) in _FILES.items():
        yield OutputFile(name, SecretText(source(f"ansible/{template}")), purpose, secret=False)


def _inventory(tunnel: Tunnel) -> str:
    deploy = tunnel.node.spec.deploy
    settings: dict[str, object] = {}
    if deploy.host is not None:
        settings["ansible_host"] = deploy.host
    if deploy.user is not None:
        settings["ansible_user"] = deploy.user
    if deploy.port is not None:
        settings["ansible_port"] = deploy.port
    if deploy.become:
        settings["ansible_become"] = True
    settings["wireguard_interface"] = tunnel.interface
    settings["wireguard_file"] = f"{{{{ inventory_dir }}}}/../{tunnel.interface}.conf"
    settings["wireguard_window"] = _WINDOW
    lines = "".join(f"      {key}: {json.dumps(value)}\n" for key, value in settings.items())
    return f"wireguard:\n  hosts:\n    {json.dumps(tunnel.node.name)}:\n{lines}"
