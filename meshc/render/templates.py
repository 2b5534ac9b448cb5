"""Finds and loads the templates: `templates/` in a checkout, `meshc/_templates` in the wheel."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def source(name: str) -> str:
    """The text of one template. Raises: FileNotFoundError (a broken installation)."""
    package = files("meshc")
    inside = package.joinpath("_templates", name)
    if inside.is_file():
        return inside.read_text(encoding="utf-8")
    return package.joinpath("..", "templates", name).read_text(encoding="utf-8")


@cache
def environment(*, markup: bool) -> Environment:
    """A strict environment; with `markup`, values are escaped for XML and HTML by themselves."""
    from jinja2 import BaseLoader, Environment, FunctionLoader, StrictUndefined

    loader: BaseLoader = FunctionLoader(source)
    return Environment(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=markup,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
