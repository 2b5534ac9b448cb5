"""The files of a deployment: the new ones and what is to be kept lie beside their places, so that
applying and restoring are renames, which a full disk cannot stop.

`state["before"]` says which places had a file (`old...` in `existed`) and which get a new one
(`new...` in `staged`; where none lies beside the place, the file goes away).
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any

from meshc.deploy.remote import units
from meshc.deploy.remote.base import read, sync_directory, write
from meshc.deploy.remote.supervision import Node


def stage(node: Node, request: dict[str, Any], state: dict[str, Any]) -> None:
    """Lays the new files down and keeps the old ones."""
    token, before = request["token"], state["before"]
    os.makedirs(node.conf_dir, mode=0o700, exist_ok=True)
    places = _places(node, request["manner"])
    for word, text in _new(node, request, places).items():
        if text is not None:
            mode = 0o644 if word == "-unit" else 0o600
            write(_beside(node, token, "new" + word, places[word]), text.encode(), mode)
        before["staged"].append("new" + word)
    for word, path in places.items():
        if os.path.exists(path):
            os.link(path, _beside(node, token, "old" + word, path))
            before["existed"].append("old" + word)


def switch(node: Node, state: dict[str, Any]) -> None:
    """Puts the new files in place; the configuration comes last."""
    for word, path in reversed(_places(node, state["manner"]).items()):
        if "new" + word not in state["before"]["staged"]:
            continue
        new = _beside(node, state["token"], "new" + word, path)
        if os.path.exists(new):
            os.replace(new, path)
        else:
            os.unlink(path)
        sync_directory(os.path.dirname(path))
    _tell_systemd(state)


def put_back(node: Node, state: dict[str, Any]) -> None:
    """Puts the old files in place again, as often as it is asked for."""
    before = state["before"]
    for word, path in _places(node, state["manner"]).items():
        old = _beside(node, state["token"], "old" + word, path)
        if os.path.exists(old):
            os.replace(old, path)
        elif "old" + word not in before["existed"] and "new" + word in before["staged"]:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        with contextlib.suppress(FileNotFoundError):
            sync_directory(os.path.dirname(path))
    _tell_systemd(state)


def clean(node: Node, token: str = "") -> None:
    """Removes what lies beside the places for a deployment, or for all of them."""
    places = [node.conf]
    if units.runs():
        places += [units.path_of(node, manner) for manner in units.MANNERS]
    for path in places:
        directory, name = os.path.split(path)
        with contextlib.suppress(FileNotFoundError):
            for found in os.listdir(directory):
                if found.startswith(f".{name}.{token}"):
                    os.unlink(os.path.join(directory, found))
        units.remove_directory(directory)


def _places(node: Node, manner: str) -> dict[str, str]:
    """A word for each file, and where it stands."""
    found = {"": node.conf, "-facts": node.facts}
    if manner in units.MANNERS:
        found["-unit"] = units.path_of(node, manner)
    return found


def _beside(node: Node, token: str, which: str, path: str) -> str:
    """In the directory of its place, so that a rename is enough. The facts, a file that another
    interface may write as well, wait under the name of this one."""
    directory, name = os.path.split(node.conf if path == node.facts else path)
    return os.path.join(directory, f".{name}.{token}.{which}")


def _new(node: Node, request: dict[str, Any], places: dict[str, str]) -> dict[str, str | None]:
    """The texts; None where the file goes away."""
    conf, facts, manner = request["conf"], request["facts"], request["manner"]
    new: dict[str, str | None] = {"": conf}
    there = json.loads(read(node.facts) or b"{}")
    if there.get("interface", node.interface) == node.interface:
        new["-facts"] = facts  # else they belong to another network
    if "-unit" in places:
        path = places["-unit"]
        text = units.text_of(node, manner, request["env"], conf, facts)
        if read(path) != (None if text is None else text.encode()):
            new["-unit"] = text
            units.make_directory(os.path.dirname(path))
    return new


def _tell_systemd(state: dict[str, Any]) -> None:
    if "new-unit" in state["before"]["staged"]:
        units.reload()
