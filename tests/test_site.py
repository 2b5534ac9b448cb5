"""The site of the documentation: its pages, and what the check of its links sees.

The whole of it is made by `./dev site`, which is part of `./dev check` and so of CI.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from meshc.cli import COMMANDS
from meshc.diagnostics import CODES
from release.site.links import faults
from release.site.make import BESIDE, CHAPTERS, _beside, pages

PAGES = dict(pages())


def test_every_command_and_every_code_has_a_page() -> None:
    assert {f"commands/{name}.md" for name in COMMANDS} <= PAGES.keys()
    assert {f"diagnostics/{code}.md" for code in CODES} <= PAGES.keys()
    for folder, names in (("commands", COMMANDS), ("diagnostics", CODES)):
        index = PAGES[f"{folder}/index.md"]
        assert [name for name in names if f"]({name}.md)" not in index] == []


def test_a_command_says_what_its_help_says() -> None:
    page = PAGES["commands/explain.md"]
    assert "meshc explain [OPTIONS] [FILE] A B" in page
    assert "| `--port SERVICE` | Of one service: tcp/443, udp/53, icmp. |" in page
    assert "## meshc keys rotate" in PAGES["commands/keys.md"]


def test_a_code_of_a_topology_has_a_failing_and_a_mended_file() -> None:
    page = PAGES["diagnostics/E130.md"]
    failing, _, mended = page.partition("## The file mended")
    assert "from: admin," in failing
    assert "did you mean 'admins'?" in failing
    assert "from: admins," in mended


def test_a_code_of_something_else_says_what_was_done() -> None:
    page = PAGES["diagnostics/E451.md"]
    assert "`meshc verify` of a build in which somebody has changed this:" in page
    assert "changes:" in page
    assert "## What is printed" in page


def test_every_page_of_a_chapter_is_there_and_in_no_other() -> None:
    listed = [name for chapter in CHAPTERS.values() for name in chapter]
    assert len(set(listed)) == len(listed)
    assert set(listed) <= PAGES.keys()


def test_a_link_to_a_file_beside_docs_says_where_it_lies() -> None:
    def seen(text: str) -> str:
        return BESIDE.sub(_beside, text)

    example = "examples/topologies/company/mesh.yaml"
    assert seen(f"[it](../{example})") == f"[it]({example})"
    assert seen("[the program](../meshc/program.py#L3) runs") == (
        "the program (`meshc/program.py`) runs"
    )
    assert seen("[lab](lab.md#x)") == "[lab](lab.md#x)"


def test_blocks_below_a_point_of_a_list_are_where_markdown_wants_them() -> None:
    """GitHub takes three spaces, the site's Markdown four."""
    for name, text in PAGES.items():
        text = re.sub(r"^( *)(```|~~~~).*?^\1\2`*$", "", text, flags=re.M | re.S)
        wrong = re.findall(r"\n\n((?:    )*(?: |  |   )(?! ).*)", text)
        assert wrong == [], name


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ('<a href="b.html#here">x</a>', None),
        ('<a href="./b.html">x</a><a href="#top">y</a><p id="top">', None),
        ('<a href="https://example.com/">x</a>', None),
        ('<a href="c.html">x</a>', "c.html: there is no such file"),
        ('<a href="b.html#there">x</a>', "b.html#there: there is no such anchor"),
        ('<a href="#gone">x</a>', "#gone: there is no such anchor"),
        ('<a href="../outside.html">x</a>', "../outside.html: there is no such file"),
        ('<img src="no.svg">', "no.svg: there is no such file"),
        ('<script src="https://cdn.example.com/x.js">', "is loaded from elsewhere"),
        ('<link rel="stylesheet" href="//fonts.example.com/x">', "is loaded from elsewhere"),
        ('<a href="javascript:alert(1)">x</a>', "no such scheme: javascript"),
    ],
)
def test_a_link_that_leads_nowhere_is_seen(tmp_path: Path, html: str, fault: str | None) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (tmp_path / "outside.html").write_text("")
    (site / "b.html").write_text('<h1 id="here">b</h1>')
    (site / "a.html").write_text(html)
    found = list(faults(site))
    assert len(found) == (fault is not None)
    assert fault is None or (found[0].startswith("a.html: ") and found[0].endswith(fault))


def test_a_site_without_pages_is_no_site(tmp_path: Path) -> None:
    assert list(faults(tmp_path)) == [f"{tmp_path.resolve()}: no page"]
