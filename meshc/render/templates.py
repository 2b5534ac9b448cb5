"""Finds and loads the templates: `templates/` in a checkout, `meshc/_templates` in the wheel.

Values are escaped for their target by the environment, not by each template, so that
forgetting a filter is not possible.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from meshc.diagnostics import Diagnostic
from meshc.errors import Refused

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


def load() -> None:
    """Makes the templates of wg-quick files ready, which takes longer than most files."""
    for name in ("wgquick-interface.j2", "wgquick-peer.j2"):
        conf_template(name)


def ini(value: object) -> str:
    """A value for one line of a wg-quick file.

    The format has no quoting: a line ends at its end or at the first `#`. What cannot be written
    there is refused instead of written otherwise. Raises: Refused; the value is not repeated
    in the message, because it may be a key.
    """
    text = str(value)
    if "#" in text or not text.isprintable():
        raise Refused(
            [
                Diagnostic(
                    "E510",
                    "a value for a wg-quick file has a line break, a control character or '#'",
                    hint="put a longer command into a script and call that from the hook",
                )
            ]
        )
    return text.strip()


def shell(value: object) -> str:
    """One word of a POSIX shell command; what prints it still applies `ini`."""
    return shlex.quote(str(value))


def uci_word(value: object) -> str:
    """A quoted value for `uci batch`, which reads quotes as a shell does."""
    return "'" + str(value).replace("'", "'\\''") + "'"


def routeros_word(value: object) -> str:
    """A quoted string of the RouterOS script language."""
    escaped = re.sub(r'(["\\$?])', r"\\\1", str(value))
    return f'"{escaped}"'
