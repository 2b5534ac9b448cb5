"""The hook script beside an output: which commands it runs, when its link goes up and down."""

from __future__ import annotations

import shlex

from meshc.topology.proof.output_readers.output_reading import OutputError
from meshc.values import dataclass
from meshc.wg.conf import RULE_MARKS

_FRAME_BEFORE = (
    "set -e -o pipefail",
    "shopt -s extglob",
    "export LC_ALL=C",
    "CONFIG_FILE=$0",
    'run() { (eval "$1"); }',
)


@dataclass(frozen=True, slots=True)
class HookRuns:
    """The commands around `ip link set … up` and `… down`, and the comments that they read."""

    pre_up: tuple[str, ...] = ()
    post_up: tuple[str, ...] = ()
    pre_down: tuple[str, ...] = ()
    post_down: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


def read_hook_runs(text: str, file: str, interface: str) -> HookRuns:
    """Raises: OutputError for a script that does anything beside."""
    lines = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line and line[0] != "#"]
    words = [line for _, line in lines]
    down = f"ip link set dev {interface} down"
    after = (
        'case "${1-}" in',
        f"up) trap '{down}' EXIT; up; trap - EXIT ;;",
        "down) down ;;",
        '*) echo "usage: $0 up|down" >&2; exit 2 ;;',
        "esac",
    )
    head, tail = len(_FRAME_BEFORE), len(after)
    if (
        tuple(words[:head]) != _FRAME_BEFORE
        or tuple(words[-tail:]) != after
        or not text.startswith("#!/bin/bash\n")
    ):
        raise OutputError(f"{file}: its frame is not the one that runs every hook in order")
    body = lines[head:-tail]
    ends = [at for at, (_, line) in enumerate(body) if line == "}"]
    if len(ends) != 2 or body[0][1] != "up() {" or body[ends[0] + 1][1] != "down() {":
        raise OutputError(f"{file}: it has other functions than `up` and `down`")
    ups = _parts(body[1 : ends[0]], f"ip link set dev {interface} up", file)
    downs = _parts(body[ends[0] + 2 : ends[1]], f"{down} || true", file)
    rules = tuple(line for line in text.split("\n") if line.startswith(RULE_MARKS))
    return HookRuns(*ups, *downs, rules)


def _parts(
    lines: list[tuple[int, str]], link: str, file: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is run before the link changes, and after it."""
    parts: list[list[str]] = [[], []]
    moved = False
    for number, line in lines:
        if line == link and not moved:
            moved = True
            continue
        try:
            run, command = shlex.split(line)
        except ValueError:
            run, command = "", ""
        if run != "run":
            raise OutputError(f"{file}:{number}: this is not a hook that is run")
        parts[moved].append(command)
    if not moved:
        raise OutputError(f"{file}: it never says `{link}`")
    return tuple(parts[0]), tuple(parts[1])
