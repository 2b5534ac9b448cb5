"""A wish of the controller about the doors of a relay, and what the relay says to it.

    {"doors": [pass, …], "answers": {ID: {DIGEST: base64}}}
    {"requests": {ID: {DIGEST: base64}}, "answered": {ID: [DIGEST]}, "done": [ID], "kept": true}

The wish is whole: doors that it does not name are closed. It can be sent again at any time. `kept`
says that an agent is there to open them.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from meshc.agent.door_files import DoorFiles
from meshc.agent.door_pass import read_pass
from meshc.errors import NodeError
from meshc.node.machine import RUN_DIRECTORY
from meshc.node.state_file import StateFile
from meshc.node.system import agent_process


def fulfil(interface: str, wish: Any, run_directory: Path = RUN_DIRECTORY) -> dict[str, Any]:
    """Raises: NodeError for what is no wish, OSError."""
    files = DoorFiles(interface, run_directory)
    try:
        wanted = {one.identifier: one for one in map(read_pass, wish["doors"])}
        answers = {
            identifier: {bytes.fromhex(name): base64.b64decode(text) for name, text in held.items()}
            for identifier, held in wish["answers"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NodeError(f"this is no wish for doors ({type(error).__name__})") from None
    files.wish(wanted)
    for identifier, held in answers.items():
        for digest, answer in held.items() if identifier in wanted else ():
            files.keep_answer(identifier, digest, answer)
    record = StateFile(run_directory, interface).load()
    return {
        "requests": {
            identifier: {
                digest.hex(): base64.b64encode(one).decode()
                for digest, one in files.requests(identifier).items()
            }
            for identifier in wanted
        },
        "answered": {
            identifier: [digest.hex() for digest in files.answers(identifier)]
            for identifier in wanted
        },
        "done": sorted(files.done()),
        "kept": record is not None and agent_process.runs(record.token),
    }


def wish_text(wish: dict[str, Any]) -> bytes:
    """One line."""
    return json.dumps(wish).encode() + b"\n"


def read_wish(data: bytes) -> Any:
    """The last line. Raises: NodeError."""
    try:
        return json.loads(data.strip().rpartition(b"\n")[2])
    except (ValueError, RecursionError):
        raise NodeError("this is no wish for doors") from None
