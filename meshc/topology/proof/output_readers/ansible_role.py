"""The inventory, playbook and role of Ansible, read back: which file goes to which host, whose it
is there, and that a change is on trial until it is confirmed.

What runs on the node is a program: it is known by its digest, as the one that has been tried
(`benchmarks/ansible_role.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from meshc.topology.proof.output_readers.carried_conf import (
    CarriageReading,
    Carried,
    StrictLoader,
    compared,
    leaves,
)
from meshc.topology.proof.output_readers.output_reading import OutputError

_HERE = "/etc/wireguard/meshc-ansible"
_SWITCH = f"{_HERE}/switch.sh"
_TRIED = "39f1c915452031ef365dd7d8c23f811ca8650bc030cc159f49687f691ded7c92"
_SHORTEST = 10
"""Seconds in which a node can come up and be asked."""


def _owned(mode: str, **more: str) -> dict[str, str]:
    return {"owner": "root", "group": "root", "mode": mode, **more}


def _runs(*words: str) -> dict[str, Any]:
    return {"ansible.builtin.command": {"argv": [_SWITCH, *words]}}


_INTERFACE, _WINDOW = "{{ wireguard_interface }}", "{{ wireguard_window }}"
_UNIT = f"wg-quick@{_INTERFACE}.service"
_MAIN = (
    {"ansible.builtin.file": _owned("0700", path=_HERE, state="directory")},
    {"ansible.builtin.copy": _owned("0700", src="switch.sh", dest=_SWITCH)},
    {
        "ansible.builtin.copy": _owned(
            "0600", src="{{ wireguard_file }}", dest=f"{_HERE}/{_INTERFACE}.conf"
        ),
        "diff": False,  # it would show the keys
    },
    {**_runs("state", _INTERFACE), "register": "wireguard_state", "changed_when": False},
    {
        "ansible.builtin.include_tasks": "switch.yaml",
        "when": 'wireguard_state.stdout == "differs"',
    },
    {
        "ansible.builtin.command": {
            "argv": ["systemctl", "enable", _UNIT],
            "creates": f"/etc/systemd/system/multi-user.target.wants/{_UNIT}",
        },
        "when": 'ansible_facts.service_mgr == "systemd"',
    },
)
_TRIAL = (
    {**_runs("try", _INTERFACE, _WINDOW), "async": _WINDOW, "poll": 0},
    {"ansible.builtin.meta": "reset_connection"},
    {"ansible.builtin.wait_for_connection": {"timeout": _WINDOW}},
    {
        **_runs("outcome", _INTERFACE),
        "register": "wireguard_outcome",
        "until": 'wireguard_outcome.stdout in ["up", "back"]',
        "retries": _WINDOW,
        "delay": 1,
        "changed_when": False,
    },
    _runs("confirm", _INTERFACE),
)
_PLAY = {"hosts": "wireguard", "serial": 1, "gather_facts": True, "roles": ["wireguard"]}
_ROLE = "roles/wireguard"
_LISTS = {
    "playbook.yaml": (_PLAY,),
    f"{_ROLE}/tasks/main.yaml": _MAIN,
    f"{_ROLE}/tasks/switch.yaml": _TRIAL,
}
_SCRIPT = f"{_ROLE}/files/switch.sh"


def read_ansible(files: Mapping[str, str], carried: Carried) -> CarriageReading:
    """Raises: OutputError."""
    missing = {"inventory.yaml", _SCRIPT, *_LISTS} - files.keys()
    if missing:
        raise OutputError(f"there is no {min(missing)}")
    faults, unknown = _inventory(files["inventory.yaml"], carried)
    for name, entries in _LISTS.items():
        wanted = {f"{name}: {path[1:]}": value for path, value in leaves(list(entries))}
        found = dict(_without_names(files[name], name))
        reading = compared(wanted, found)
        faults += reading.faults
        unknown += reading.unknown
    if hashlib.sha256(files[_SCRIPT].encode()).hexdigest() != _TRIED:
        faults.append(f"have another {_SCRIPT} than the one that puts a node back")
    known = {"inventory.yaml", _SCRIPT, *_LISTS}
    unknown += [f"{name}: the file" for name in sorted(files.keys() - known)]
    return CarriageReading(tuple(faults), tuple(unknown))


def _inventory(text: str, carried: Carried) -> tuple[list[str], list[str]]:
    host, login = f"wireguard.hosts.{carried.facts.name}", carried.facts.login
    given = {
        "ansible_host": login.host,
        "ansible_user": login.user,
        "ansible_port": login.port,
        "ansible_become": login.become or None,
        "wireguard_interface": carried.interface,
        "wireguard_file": f"{{{{ inventory_dir }}}}/../{carried.interface}.conf",
        "wireguard_window": "*",
    }
    wanted = {f"{host}.{key}": str(value) for key, value in given.items() if value is not None}
    found = dict(leaves(_loaded(text, "inventory.yaml")))
    reading = compared(wanted, found)
    faults = list(reading.faults)
    window = found.get(f"{host}.wireguard_window", "")
    if not (window.isdecimal() and int(window) >= _SHORTEST):
        faults.append(f"have no window of {_SHORTEST} seconds or more to confirm a change in")
    return faults, [f"inventory.yaml: {path}" for path in reading.unknown]


def _without_names(text: str, file: str) -> Iterator[tuple[str, str]]:
    """The settings of a list of tasks or plays; what they are called is nobody's matter."""
    found = _loaded(text, file)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise OutputError(f"{file}: it is no list of tasks")
    for one in found:
        one.pop("name", None)
    for path, value in leaves(found):
        yield f"{file}: {path[1:]}", value


def _loaded(text: str, file: str) -> Any:
    try:
        return yaml.load(text, StrictLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise OutputError(f"{file}: it is no YAML that a program reads") from None
