"""Links of a site that lead nowhere: each page as a browser would read it, nothing fetched.

A link may go to a page, an anchor or a file of the site, or out of it by https. What a page loads
by itself (scripts, styles, pictures, fonts) must lie in the site: it is read without a network too.
"""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {"script": "src", "img": "src", "link": "href", "source": "src", "iframe": "src"}
_NOT_LOADED = {"canonical", "next", "prev", "alternate"}


class _Page(HTMLParser):
    """Anchors of a page, and what it links to: (address, whether it is loaded)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors = {""}
        self.targets: list[tuple[str, bool]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.targets.append((found["href"], False))
        elif tag in _LOADED and _LOADED[tag] in found:
            loaded = tag != "link" or found.get("rel") not in _NOT_LOADED
            self.targets.append((found[_LOADED[tag]], loaded))


def faults(site: Path) -> Iterator[str]:
    """What is wrong, one line each; a site without pages is."""
    site = site.resolve()
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    if not pages:
        yield f"{site}: no page"
    for path, page in pages.items():
        for target, loaded in page.targets:
            reason = _fault(site, path, target, loaded, pages)
            if reason:
                yield f"{path.relative_to(site)}: {target}: {reason}"


def _fault(site: Path, path: Path, target: str, loaded: bool, pages: dict[Path, _Page]) -> str:
    parts = urlsplit(target)
    if parts.scheme in ("http", "https") or parts.netloc:
        return "is loaded from elsewhere" if loaded else ""
    if parts.scheme:
        return "" if parts.scheme in ("data", "mailto") else f"no such scheme: {parts.scheme}"
    if path.name == "404.html" and parts.path.startswith("/"):
        found = site / unquote(parts.path).lstrip("/")  # shown at any depth
    else:
        found = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
    if found.is_dir():
        found = found / "index.html"
    if not found.is_relative_to(site) or not found.exists():
        return "there is no such file"
    if found in pages and unquote(parts.fragment) not in pages[found].anchors:
        return "there is no such anchor"
    return ""
