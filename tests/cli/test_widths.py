"""Every command on a terminal of 80 columns: nothing is wider, and no name is cut."""

from __future__ import annotations

import io
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click
import pytest
import yaml

from meshc.build.pipeline import compile_file
from meshc.cli import main
from tests.cli.test_json_option import COMMANDS
from tests.test_examples import TOPOLOGIES

WIDTH = 80
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# what somebody copies, or another program reads, is no prose
_COPIED = re.compile(
    r"\s+(\w+ +)?(wg|ip|meshc|wg-quick) |.*`[^`]*`|.*([A-Za-z0-9+/]{43}=|public key)"
)
_CUT = re.compile(r"([\w.-]{3,})…")
# a script for a shell, and these need rights, other machines or time: their tests are beside them
ELSEWHERE = {
    ("agent",),
    ("completion",),
    ("deploy",),
    ("down",),
    ("drain",),
    ("engine",),
    ("lab", "capture"),
    ("lab", "down"),
    ("lab", "exec"),
    ("lab", "test"),
    ("lab", "up"),
    ("reload",),
    ("up",),
}
# what says of many nodes how they are
OF_MANY = [
    "build FILE --all",
    "explain FILE A B",
    "keys list FILE",
    "qr FILE PHONE",
    "validate FILE",
    "verify FILE --matrix",
]
WALK = [
    *OF_MANY,
    "add FILE newcomer-with-a-long-name",
    "build FILE",
    "disable FILE A --dry-run",
    "enable FILE A --dry-run",
    "explain FILE A 192.0.2.1",
    "graph FILE -o OUT/picture.svg",
    "import CONF -o OUT/imported.yaml",
    "init --list",
    "init OUT/new.yaml",
    "keys import FILE A /dev/null",
    "keys revoke FILE A",
    "keys rotate FILE A",
    "lab status",
    "plan FILE",
    "policy FILE",
    "qr FILE A",
    "remove FILE A --dry-run",
    "rename FILE A another-name --dry-run",
    "schema -o OUT/schema.json",
    "status",
    "validate --explain W220",
]


class Terminal(io.StringIO):
    """A terminal in memory, as far as anybody asks."""

    def isatty(self) -> bool:
        return True


def sixty_nodes() -> str:
    lines = ["meshc: 1", 'network: {name: acme-backbone, addresses: [10.90.0.0/16, "fd90::/64"]}']
    lines += ["nodes:"]
    for place in ("frankfurt", "singapore", "virginia"):
        lines.append(f"  relay-{place}: {{role: relay, endpoint: {place}.acme-backbone-vpn.dev}}")
    for number in range(57):
        kind, keys = (
            ("workstation-accounting", "{nat: symmetric}"),
            ("phone-of-the-field-staff", "{platform: ios}"),
            ("database-server", f"{{endpoint: db{number}.acme-backbone-vpn.dev}}"),
        )[number % 3]
        lines.append(f"  {kind}-{number:02}: {keys}")
    return "\n".join(lines) + "\n"


class Network(NamedTuple):
    """A file that has been built, two of its nodes, and a phone."""

    file: Path
    a: str
    b: str
    phone: str


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Network]:
    few, many = (tmp_path_factory.mktemp(name) / "mesh.yaml" for name in ("few", "many"))
    shutil.copy(TOPOLOGIES / "relay/mesh.yaml", few)
    many.write_text(sixty_nodes())
    for file in (few, many):
        compile_file(file)
    return {
        "few": Network(few, "laptop", "home-server", "phone"),
        "many": Network(
            many, "workstation-accounting-00", "database-server-02", "phone-of-the-field-staff-01"
        ),
    }


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], list[str]]:
    def run(words: list[str]) -> list[str]:
        """The lines that a command leaves on a terminal."""
        terminal = Terminal()
        with monkeypatch.context() as patch:
            patch.setenv("COLUMNS", str(WIDTH))
            patch.setenv("TERM", "xterm-256color")
            patch.setattr(sys, "stdout", terminal)
            patch.setattr(sys, "stderr", terminal)
            patch.setattr(sys, "stdin", io.StringIO())
            try:
                main.main(words, prog_name="meshc", standalone_mode=False)
            except SystemExit:
                pass
            except click.ClickException as error:
                error.show(terminal)
        text = _COLOUR.sub("", terminal.getvalue())
        # a progress bar writes over itself
        return [line.rpartition("\r")[2].rstrip() for line in text.split("\n")]

    return run


def too_wide(lines: list[str]) -> list[str]:
    """But for one word that nobody can fold, and what is copied."""
    return [
        line
        for line in lines
        if len(line) > WIDTH and len(line.split()) > 1 and not _COPIED.match(line)
    ]


def named(command: tuple[str, ...]) -> bool:
    return any(f"{words} ".startswith(f"{' '.join(command)} ") for words in WALK)


def test_what_is_tested_elsewhere_exists() -> None:
    assert set(COMMANDS) >= ELSEWHERE
    assert not any(map(named, ELSEWHERE))


# a command that nobody has named above says something of a file, if only what it misses
REST = [
    f"{' '.join(command)} FILE"
    for command in COMMANDS
    if command not in ELSEWHERE and not named(command)
]


@pytest.mark.parametrize(
    ("words", "size"),
    [(words, "few") for words in WALK + REST] + [(words, "many") for words in OF_MANY],
)
def test_nothing_is_wider_than_the_terminal_and_no_name_is_cut(
    words: str,
    size: str,
    networks: dict[str, Network],
    shown: Callable[[list[str]], list[str]],
    tmp_path: Path,
) -> None:
    file, a, b, phone = networks[size]
    # what is changed is a copy
    shutil.copytree(file.parent, tmp_path / "net")
    file = tmp_path / "net/mesh.yaml"
    written = file.read_text().splitlines()
    given = {"FILE": str(file), "A": a, "B": b, "PHONE": phone}
    given["CONF"] = str(file.parent / "build" / a / "wg0.conf")
    lines = shown([given.get(word, word).replace("OUT", str(tmp_path)) for word in words.split()])
    assert any(lines), "it says something"
    # the paths of this test are as long as they like
    lines = [line.replace(f"{tmp_path}/net/", "").replace(f"{tmp_path}/", "") for line in lines]
    # nor is a patch folded, which shows the file as it is
    lines = [line for line in lines if line[1:] not in written]
    assert too_wide(lines) == []
    words = {word for line in lines for word in _CUT.findall(line)}
    names = yaml.safe_load(file.read_text())["nodes"]
    assert [word for word in words if any(name.startswith(word) for name in names)] == []


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_fits(command: tuple[str, ...], shown: Callable[[list[str]], list[str]]) -> None:
    lines = shown([*command, "--help"])
    assert lines[0].startswith("Usage: meshc")
    assert too_wide(lines) == []
