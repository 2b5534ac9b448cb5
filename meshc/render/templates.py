"""Finds and loads the templates: `templates/` in a checkout, `meshc/_templates` in the wheel.

Values are escaped for their target by the environment, not by each template, so that
forgetting a filter is not possible.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from meshc.render.escape import ini, routeros_word, uci_word

if TYPE_CHECKING:
    from jinja2 import Environment

# importlib.resources could read them from a zip as well, and takes as long as rendering them
_PACKAGE = Path(__file__).resolve().parent.parent


def source(name: str) -> str:
    """The text of one template. Raises: FileNotFoundError (a broken installation)."""
    inside = _PACKAGE / "_templates" / name
    file = inside if inside.is_file() else _PACKAGE.parent / "templates" / name
    return file.read_text(encoding="utf-8")


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


@cache
def conf_template(name: str) -> Callable[..., str]:
    """The render function of a template for a wg-quick file: keyword arguments in, text out.

    Every printed value goes through `ini`.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(source),
        undefined=StrictUndefined,
        finalize=ini,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["uci"] = uci_word
    environment.filters["ros"] = routeros_word
    return environment.get_template(name).render
