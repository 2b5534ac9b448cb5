"""The page about the language."""

from __future__ import annotations

from pathlib import Path

from meshc.topology.language.schema import sections
from meshc.topology.language.schema.key_reference import language_reference


def test_the_page_in_the_repository_is_current() -> None:
    """Run `meshc schema --format markdown > docs/language.md` after a change of the language."""
    assert language_reference() == Path("docs/language.md").read_text(encoding="utf-8")


def test_every_key_is_on_the_page() -> None:
    page = language_reference()
    for section in sections.SECTIONS:
        for key in sections.SECTIONS[section].fields:
            assert f"`{key}`" in page


def test_tables_are_not_broken_by_a_cell() -> None:
    for line in language_reference().splitlines():
        if line.startswith("|"):
            assert line.replace("\\|", "").count("|") == 4
