"""Values on their way into an output: each checked or quoted for what reads it there."""

from __future__ import annotations

import re
import shlex

from meshc.diagnostics import Diagnostic
from meshc.errors import Refused


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
