"""PNG and PDF come from the SVG, by a program of the machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from meshc.errors import StateError
from meshc.render.diagram import raster
from meshc.render.diagram.picture import picture
from meshc.render.diagram.svg import svg
from tests.support.plans import star

PROGRAMS = [name for name in ("rsvg-convert", *raster.BROWSERS) if shutil.which(name)]
needs_a_program = pytest.mark.skipif(not PROGRAMS, reason="rsvg-convert or chromium is missing")


@needs_a_program
@pytest.mark.slow
@pytest.mark.parametrize(("form", "magic"), [("png", b"\x89PNG\r\n\x1a\n"), ("pdf", b"%PDF-")])
def test_the_picture_is_drawn(form: str, magic: bytes) -> None:
    content = raster.convert(svg(picture(star())), form)
    assert content.startswith(magic)
    assert len(content) > 4000


@needs_a_program
@pytest.mark.slow
def test_a_png_is_large_enough_to_be_read() -> None:
    drawing = svg(picture(star()))
    found = raster._SIZE.search(drawing)
    assert found is not None
    content = raster.convert(drawing, "png")
    width = int.from_bytes(content[16:20])  # IHDR, PNG section 11.2.2
    assert width >= 2 * float(found[1])


def test_every_colour_is_written_out_for_light_paper() -> None:
    text = raster.light(svg(picture(star())))
    assert "var(" not in text
    assert "prefers-color-scheme" not in text
    assert "#dbeafe" in text  # a public node
    assert "#173b6c" not in text  # the same at night


def test_without_a_program_the_user_is_told_what_would_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StateError, match=r"rsvg-convert or Chromium") as refused:
        raster.convert(svg(picture(star())), "png")
    assert ".svg" in refused.value.hint


def test_a_program_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "rsvg-convert"
    program.write_text("#!/bin/sh\necho 'no room' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(StateError, match="no room"):
        raster.convert(svg(picture(star())), "png")
