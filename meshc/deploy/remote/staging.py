"""The files of a deployment: the new ones and what is to be kept lie beside their places, so that
putting them in place and back are renames, which a full disk cannot stop."""

from __future__ import annotations

import contextlib
import json
import os
import time

from meshc.deploy.protocol import UNITS, StageCandidate, Supervisor
from meshc.deploy.remote import units
from meshc.deploy.remote.base import read, sha, sync_directory, write
from meshc.deploy.remote.deployment_record import Candidate, StagedFiles
from meshc.deploy.remote.managed_interface import ManagedInterface


def stage(interface: ManagedInterface, request: StageCandidate) -> StagedFiles:
    """Lays the new files down and keeps the old ones."""
    token = request.token
    os.makedirs(interface.directories.conf, mode=0o700, exist_ok=True)
    places = _places(interface, request.supervisor)
    staged, existed = [], []
    for word, text in _new(interface, request, places).items():
        new = _beside(interface, token, "new" + word, places[word])
        write(new, text.encode(), 0o644 if word == "-unit" else 0o600)
        staged.append("new" + word)
    for word, path in places.items():
        if os.path.exists(path):
            os.link(path, _beside(interface, token, "old" + word, path))
            existed.append("old" + word)
    return StagedFiles(tuple(existed), tuple(staged))


def switch(interface: ManagedInterface, token: str, candidate: Candidate) -> None:
    """Puts the new files in place; the configuration comes last."""
    for word, path in reversed(_places(interface, candidate.supervisor).items()):
        if "new" + word not in candidate.files.staged:
            continue
        os.replace(_beside(interface, token, "new" + word, path), path)
        sync_directory(os.path.dirname(path))
    _tell_systemd(candidate.files)


def put_back(interface: ManagedInterface, token: str, candidate: Candidate) -> None:
    """Puts the old files in place again, as often as it is asked for."""
    files = candidate.files
    for word, path in _places(interface, candidate.supervisor).items():
        old = _beside(interface, token, "old" + word, path)
        if os.path.exists(old):
            os.replace(old, path)
        elif "old" + word not in files.existed and "new" + word in files.staged:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        with contextlib.suppress(FileNotFoundError):
            sync_directory(os.path.dirname(path))
    _tell_systemd(files)


def keep_new(interface: ManagedInterface, token: str, candidate: Candidate) -> None:
    """Gives the new files, which are in place, their names beside the places again."""
    for word, path in _places(interface, candidate.supervisor).items():
        if "new" + word in candidate.files.staged:
            _name_again(path, _beside(interface, token, "new" + word, path))


def keep_old(interface: ManagedInterface, token: str, candidate: Candidate) -> None:
    """The same for the old files, once they have been put back."""
    for word, path in _places(interface, candidate.supervisor).items():
        if "old" + word in candidate.files.existed:
            _name_again(path, _beside(interface, token, "old" + word, path))


def _name_again(path: str, beside: str) -> None:
    with contextlib.suppress(FileExistsError):  # it was interrupted before
        os.link(path, beside)


def keep_foreign(interface: ManagedInterface, token: str, known: set[str]) -> str:
    """Gives the configuration that was there before a name of its own, unless its hash is `known`.
    Answers with its path, or with empty text. A link, which a full disk cannot stop."""
    old = _beside(interface, token, "old", interface.conf)
    content = read(old)
    if content is None or sha(content) in known:
        return ""
    stem = place = f"{interface.conf}.{time.strftime('%Y-%m-%d', time.gmtime())}"
    number = 1
    while True:
        try:
            os.link(old, place)
            break
        except FileExistsError:  # of an earlier day's deploy, or somebody else's
            number += 1
            place = f"{stem}-{number}"
    if not os.path.islink(place):
        os.chmod(place, 0o600)
    sync_directory(os.path.dirname(place))
    return place


def clean(interface: ManagedInterface, token: str = "") -> None:
    """Removes what lies beside the places for a deployment, or for all of them."""
    places = [interface.conf]
    if units.runs():
        places += [units.path_of(interface, supervisor) for supervisor in UNITS]
    for path in places:
        directory, name = os.path.split(path)
        with contextlib.suppress(FileNotFoundError):
            for found in os.listdir(directory):
                if found.startswith(f".{name}.{token}"):
                    os.unlink(os.path.join(directory, found))
        units.remove_directory(directory)


def _places(interface: ManagedInterface, supervisor: Supervisor) -> dict[str, str]:
    """A word for each file, and where it stands."""
    found = {"": interface.conf, "-node": interface.node_json}
    if supervisor.unit:
        found["-unit"] = units.path_of(interface, supervisor)
    return found


def _beside(interface: ManagedInterface, token: str, which: str, path: str) -> str:
    """In the directory of its place, so that a rename is enough. node.json, which another interface
    may write as well, waits under the name of this one."""
    directory, name = os.path.split(interface.conf if path == interface.node_json else path)
    return os.path.join(directory, f".{name}.{token}.{which}")


def _new(
    interface: ManagedInterface, request: StageCandidate, places: dict[str, str]
) -> dict[str, str]:
    new = {"": request.conf}
    if owner(interface) == interface.name:
        new["-node"] = request.node_json  # else it belongs to another network
    if "-unit" in places:
        path = places["-unit"]
        text = units.text_of(
            interface, request.supervisor, request.env, request.conf, request.node_json
        )
        if read(path) != text.encode():
            new["-unit"] = text
            units.make_directory(os.path.dirname(path))
    return new


def owner(interface: ManagedInterface) -> str:
    """The interface that node.json belongs to; nobody's is ours."""
    there = json.loads(read(interface.node_json) or b"{}")
    found: str = there.get("interface", interface.name)
    return found


def _tell_systemd(files: StagedFiles) -> None:
    if "new-unit" in files.staged:
        units.reload()
