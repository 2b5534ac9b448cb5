"""The documentation as a site: docs/, and a page for each command and each diagnostic.

    ./dev site                              dist/site, open dist/site/index.html
    python release/site/make.py DIRECTORY   the same, elsewhere

Zensical makes it, strictly: a page or an anchor that is linked and is not there ends it. What has
come out is read once more (`links.py`), with files, the theme and the pages that are made here.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))

# what is shown, in this order; other pages of docs/ follow in the reference
CHAPTERS: Mapping[str, tuple[str, ...]] = {
    "Start": ("index.md", "tutorial.md"),
    "How to": (
        "home.md",
        "company.md",
        "travel.md",
        "ci.md",
        "teams.md",
        "deploy.md",
        "outputs.md",
        "secrets.md",
        "lab.md",
    ),
    "Reference": ("language.md", "output.md", "node.md", "agent.md", "policies.md", "engine.md"),
    "Explanation": ("routing.md", "nat.md", "proof.md", "security.md"),
    "For developers": ("adding.md",),
}


BESIDE = re.compile(r"\[([^\]]*)\]\(\.\./([^)#]*)(?:#[^)]*)?\)")
"""A link of a page in docs/ to what lies beside docs/."""


def pages() -> Iterator[tuple[str, str]]:
    """(path, text) of all pages, those of docs/ first."""
    from release.site.code_pages import code_pages
    from release.site.command_pages import command_pages

    for path in sorted((ROOT / "docs").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        yield path.name, BESIDE.sub(_beside, text)
    yield from command_pages()
    yield from code_pages()


def _beside(link: re.Match[str]) -> str:
    """What a page says of a file beside docs/: a link to an example, which the site has, else its
    place in the checkout."""
    label, place = link.groups()
    if place.startswith("examples/topologies/") and (ROOT / place).is_file():
        return f"[{label}]({place})"
    return f"{label} (`{place}`)"


def make(target: Path) -> None:
    """Writes the site. Exits with what is wrong with it."""
    from release.site.links import faults

    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        made = dict(pages())
        for name, text in made.items():
            (work / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
            (work / "docs" / name).write_text(text, encoding="utf-8")
        files = shutil.ignore_patterns("*.md", "*.py", "__pycache__")
        shutil.copytree(ROOT / "docs", work / "docs", ignore=files, dirs_exist_ok=True)
        for extra in ("extra.css", "extra.js"):
            shutil.copy(HERE / extra, work / "docs")
        shutil.copytree(ROOT / "examples" / "topologies", work / "docs/examples/topologies")
        (work / "zensical.toml").write_text(_settings(list(made)), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "zensical", "build", "--strict"],
            cwd=work,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            sys.exit(f"{done.stdout}{done.stderr}")
        wrong = list(faults(work / "site"))
        if wrong:
            sys.exit("\n".join(wrong))
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(work / "site", target)


def _settings(names: list[str]) -> str:
    """zensical.toml."""
    own = [name for name in names if "/" not in name]
    listed = {name for chapter in CHAPTERS.values() for name in chapter}
    nav = {title: list[object](files) for title, files in CHAPTERS.items()}
    reference = nav["Reference"]
    reference += [name for name in own if name not in listed]
    for title, folder in (("Commands", "commands"), ("Diagnostics", "diagnostics")):
        reference.append({title: [name for name in names if name.startswith(f"{folder}/")]})
    return f"""\
[project]
site_name = "meshc"
site_description = "A compiler for WireGuard networks"
docs_dir = "docs"
site_dir = "site"
use_directory_urls = false
extra_css = ["extra.css"]
extra_javascript = ["extra.js"]
nav = {_inline([{title: files} for title, files in nav.items()])}

[project.theme]
language = "en"
font = false
features = ["navigation.sections", "navigation.indexes", "navigation.prune", "search.highlight"]

[[project.theme.palette]]
media = "(prefers-color-scheme: light)"
scheme = "default"
toggle = {{icon = "lucide/sun", name = "Dark"}}

[[project.theme.palette]]
media = "(prefers-color-scheme: dark)"
scheme = "slate"
toggle = {{icon = "lucide/moon", name = "Light"}}

[project.markdown_extensions.tables]
[project.markdown_extensions.toc]
permalink = false
[project.markdown_extensions.pymdownx.superfences]
[project.markdown_extensions.pymdownx.highlight]
"""


def _inline(value: object) -> str:
    """Lists, mappings and texts as TOML writes them in one line."""
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    if isinstance(value, dict):
        inside = ", ".join(f"{json.dumps(key)} = {_inline(item)}" for key, item in value.items())
        return f"{{{inside}}}"
    return json.dumps(value)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    make(Path(sys.argv[1]).resolve())
