"""A page for each diagnostic: what it means, a case that earns it, what is printed, and the file
mended. The cases are those of tests/errors, which the tests hold to their exact text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from meshc.diagnostics import CODES, Code
from release.site.command_pages import _cell

ROOT = Path(__file__).resolve().parent.parent.parent
_ERRORS = ROOT / "tests" / "errors"
_MENDED = ROOT / "tests" / "mended"
_HOW = {
    "build": "`meshc build` after these changes",
    "crowd": "A site in which every port is taken by a node like this one",
    "deploy": "`meshc deploy` to a machine of which this is known",
    "import": "`meshc import` of these files",
    "lab": "`meshc lab` with these options",
    "qr": "`meshc qr` of this node",
    "render": "A plan with these values, on its way into a file",
    "validate": "`meshc validate` of this name",
    "verify": "`meshc verify` of a build in which somebody has changed this",
}
_FIRST_DIGIT = {
    "1": "What is written in the file",
    "2": "The network as a whole",
    "3": "Addresses, keys and the lock file",
    "4": "What the proof finds",
    "5": "Outputs",
    "7": "Machines and deploys",
    "8": "The lab",
    "9": "Imports",
}


def code_pages() -> Iterator[tuple[str, str]]:
    """(path, text), first that of all codes."""
    codes = sorted(CODES.values(), key=lambda code: code.id[1:])
    lines = ["# Diagnostics", ""]
    lines += ["Each has a code that is never used again; `meshc validate --explain CODE` says what"]
    lines += ["stands here as well. E is an error, W a warning, I a remark.", ""]
    chapter = ""
    for code in codes:
        if _FIRST_DIGIT[code.id[1]] != chapter:
            chapter = _FIRST_DIGIT[code.id[1]]
            lines += ["", f"## {chapter}", "", "| code | what |", "|---|---|"]
        lines.append(f"| [{code.id}]({code.id}.md) | {_cell(code.title)} |")
    yield "diagnostics/index.md", "\n".join([*lines, ""])
    for code in codes:
        yield f"diagnostics/{code.id}.md", "\n".join(_page(code))


def _page(code: Code) -> Iterator[str]:
    yield from (f"# {code.id}: {_cell(code.title)}", "", _cell(code.explanation), "")
    mended = next(_MENDED.glob(f"{code.id}-*.yaml"), None)
    own = sorted(_ERRORS.glob(f"{code.id}-*.yaml"), key=_size)
    if own:
        case = next((one for one in own if mended and one.name == mended.name), own[0])
        yield from ("## A file that earns it", "")
    else:
        case = min(_ERRORS.glob(f"*/{code.id}-*.yaml"), key=_size)
        yield from ("## What earns it", "", f"{_HOW.get(case.parent.name, 'What was done')}:", "")
    yield from _block(case, "yaml")
    yield from ("## What is printed", "")
    yield from _block(case.with_suffix(".txt"), "text")
    if mended is not None and mended.name == case.name:
        yield from ("## The file mended", "")
        yield from _block(mended, "yaml")


def _size(path: Path) -> int:
    return path.stat().st_size


def _block(path: Path, language: str) -> Iterator[str]:
    """A byte that is no text is shown by its number."""
    text = path.read_bytes().decode("utf-8", "backslashreplace")
    yield from (f"~~~~ {{.{language}}}", text.rstrip("\n"), "~~~~", "")
