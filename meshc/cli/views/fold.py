"""Folding: a line that is wider than the terminal goes on below itself, at a word.

A command is copied, and is one word: in backticks, or `(meshc ...)`. A word that is too wide stays
whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_WORD = re.compile(r"(?:\x1b\[[0-9;]*m)*\(meshc [^)]*\)\S*|[^\s`]*`[^`\n]*`[^\s`]*|\S+")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# behind these an address, an endpoint, a path or a name goes on in the next line
_SEAM = re.compile(r"[^./:,_@-]*[./:,_@-]+|[^./:,_@-]+")
HANGING = 2


def terminal_width() -> int:
    """The columns of the terminal, or what COLUMNS says."""
    import shutil  # an archive's tools, and slow to load

    return shutil.get_terminal_size().columns


def fold(text: str, width: int) -> str:
    """Every line of `text` in at most `width` columns; what follows hangs below its own indent."""
    return "\n".join(part for line in text.split("\n") for part in _fold_line(line, width))


def _fold_line(line: str, width: int) -> Iterator[str]:
    """The line in parts. Spaces between words are kept, but where it is folded."""
    if shown(line) <= width:
        yield line
        return
    indent = " " * (len(line) - len(line.lstrip(" ")) + HANGING)
    part, end = "", 0
    for found in _WORD.finditer(line):
        between = line[end : found.start()] if part else line[: found.start()]
        longer = part + between + found[0]
        if part.strip() and shown(longer) > width:
            yield part
            part = indent + found[0]
        else:
            part = longer
        end = found.end()
    yield part


def fold_cell(text: str, width: int, *, inside: bool) -> list[str]:
    """A cell of a table in lines of at most `width`; inside of words only where it may."""
    lines = [""]
    for found in _WORD.finditer(text):
        pieces = [found[0]]
        if inside and len(found[0]) > width:
            pieces = _SEAM.findall(found[0])
        gap = " " if lines[-1] else ""
        for piece in pieces:
            if lines[-1] and len(lines[-1]) + len(gap) + len(piece) > width:
                lines.append("")
                gap = ""
            lines[-1] += gap + piece
            gap = ""
    return lines


def narrowest(text: str, *, inside: bool) -> int:
    """The fewest columns that a cell can be folded to."""
    parts = _SEAM if inside else _WORD
    return max((len(found[0]) for found in parts.finditer(text)), default=0)


def shown(text: str) -> int:
    """The columns that a text takes; colours take none."""
    return len(_COLOUR.sub("", text))
