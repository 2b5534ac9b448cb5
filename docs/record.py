"""Records a command's real output as an SVG picture of a terminal.

    python docs/record.py docs/lab.svg -- meshc lab test mesh.yaml
    python docs/record.py docs/demo.svg --cd DIR -- meshc build mesh.yaml

The command runs on a pseudo-terminal, so that it prints what a person would see; nothing is
edited. What it reads as its prompt line is the command itself.
"""

from __future__ import annotations

import argparse
import io
import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

WIDTH = 92
_NORMAL = ["484f58", "ff7b72", "3fb950", "d29922", "58a6ff", "bc8cff", "39c5cf", "b1bac4"]
_BRIGHT = ["6e7681", "ffa198", "56d364", "e3b341", "79c0ff", "d2a8ff", "56d4dd", "f0f6fc"]
THEME = TerminalTheme(
    (13, 17, 23),
    (230, 237, 243),
    [tuple(bytes.fromhex(colour)) for colour in _NORMAL],
    [tuple(bytes.fromhex(colour)) for colour in _BRIGHT],
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("picture", type=Path)
    parser.add_argument("--cd", type=Path, default=Path.cwd())
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    shown = record(options.command, options.cd)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ {shlex.join(options.command)}", style="bold"))
    # a terminal breaks what is longer than its lines
    console.print(Text.from_ansi(shown), overflow="fold")
    svg = console.export_svg(title=options.command[0], theme=THEME)
    # the picture asks nothing of the network: any monospaced font of the reader's will do
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.S)
    svg = svg.replace("Fira Code", "ui-monospace, SFMono-Regular, Menlo, Consolas")
    options.picture.write_text(svg, encoding="utf-8")


def record(command: list[str], folder: Path) -> str:
    """Everything that the command prints on a terminal of WIDTH columns.

    Raises: SystemExit when it fails: a picture of a failure helps nobody.
    """
    master, slave = pty.openpty()
    environment = os.environ | {"COLUMNS": str(WIDTH), "LINES": "60", "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    chunks = []
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError:  # EIO: the last writer is gone (pty(7))
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(master)
    if process.wait():
        sys.exit(f"{shlex.join(command)} ended with {process.returncode}")
    return settled(b"".join(chunks).decode("utf-8", "replace"))


def settled(text: str) -> str:
    """What is left on the screen: progress that was drawn over is gone."""
    text = re.sub(r"\x1b\[\?\d+[hl]", "", text)
    lines: list[str] = []
    for raw in text.replace("\r\n", "\n").split("\n"):
        ups = len(re.findall(r"\x1b\[1?A", raw))
        if ups:
            del lines[max(0, len(lines) - ups) :]
            raw = re.sub(r"\x1b\[1?A", "", raw)
        raw = raw.replace("\x1b[2K", "\r").replace("\x1b[K", "")
        lines.append(raw.rsplit("\r", 1)[-1] if "\r" in raw.rstrip("\r") else raw.rstrip("\r"))
    return "\n".join(lines).strip("\n")


if __name__ == "__main__":
    main()
