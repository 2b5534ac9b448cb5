"""A picture as PNG or PDF, made from the SVG by a program that this machine has.

rsvg-convert (librsvg) is asked first, then a Chromium without a window. Neither is a dependency:
where both are missing the user is told, and nothing is written.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from meshc.errors import StateError

FORMATS = ("png", "pdf")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_TIMEOUT = 120.0  # seconds
_SCALE = 2  # dots of a PNG per unit, so that small labels can be read
_SIZE = re.compile(r'<svg [^>]*?width="([\d.]+)" height="([\d.]+)"')
_COLOUR = re.compile(r"--([a-z]+):(#[0-9a-f]+)")


def convert(svg: str, form: str) -> bytes:
    """The bytes of a PNG or a PDF. Raises: StateError when no program is here, or it fails."""
    text = light(svg)
    with tempfile.TemporaryDirectory(prefix="meshc-picture-") as directory:
        source, target = Path(directory, "picture.svg"), Path(directory, f"picture.{form}")
        source.write_text(text, encoding="utf-8")
        _program()(source, target, form)
        if not target.is_file():
            raise StateError(f"no {form} came out of the picture", hint="write an .svg instead")
        return target.read_bytes()


def light(svg: str) -> str:
    """The picture with its colours for light paper written out: librsvg knows no `var()`."""
    style, _, rest = svg.partition("@media")
    colours = dict(_COLOUR.findall(style))
    # the rule for dark pages is one line of its own
    text = style + rest.partition("\n")[2] if rest else svg
    return re.sub(r"var\(--([a-z]+)\)", lambda found: colours[found[1]], text)


def _program() -> Callable[[Path, Path, str], None]:
    if shutil.which("rsvg-convert"):
        return _by_rsvg
    for name in BROWSERS:
        browser = shutil.which(name)
        if browser:
            return lambda source, target, form: _by_browser(browser, source, target, form)
    raise StateError(
        "a PNG or PDF needs rsvg-convert or Chromium, and neither is here",
        hint="install librsvg2-bin, or write an .svg or .html",
    )


def _by_rsvg(source: Path, target: Path, form: str) -> None:
    zoom = ["--zoom", str(_SCALE)] if form == "png" else []
    _run(["rsvg-convert", "--format", form, *zoom, "--output", str(target), str(source)])


def _by_browser(browser: str, source: Path, target: Path, form: str) -> None:
    size = _SIZE.search(source.read_text(encoding="utf-8"))
    assert size is not None, "a picture has a size"
    width, height = (round(float(side)) + 1 for side in size.groups())
    page = source.with_suffix(".html")
    style = f"@page{{size:{width}px {height}px;margin:0}}body{{margin:0}}svg{{display:block}}"
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><style>{style}</style>'
        + source.read_text(encoding="utf-8"),
        encoding="utf-8",
    )
    wish = {
        "png": [f"--screenshot={target}", f"--force-device-scale-factor={_SCALE}"],
        "pdf": [f"--print-to-pdf={target}", "--no-pdf-header-footer"],
    }[form]
    profile = f"--user-data-dir={source.parent / 'profile'}"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]
    _run([browser, *flags, profile, f"--window-size={width},{height}", *wish, page.as_uri()])


def _run(argv: list[str]) -> None:
    """Raises: StateError with the program's last line."""
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", check=False, timeout=_TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StateError(f"{argv[0]} could not draw the picture: {error}") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        raise StateError(f"{argv[0]} could not draw the picture: {last}")
