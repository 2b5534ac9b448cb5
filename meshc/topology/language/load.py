"""Text -> `Spec`: the first floor of the compiler in one call."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.topology.language.checks.language_checks import LANGUAGE_CHECKS
from meshc.topology.language.read.document import read_document
from meshc.topology.language.read.includes import Opener, join_included, no_files
from meshc.topology.language.read.source_text import decode_source
from meshc.topology.language.read.yaml_reader import parse_source
from meshc.topology.language.resolve.resolver import resolve
from meshc.topology.language.spec import Spec


def load_spec(
    text: str | bytes,
    *,
    file: str,
    diagnostics: Diagnostics,
    opened: Opener = no_files,
    today: str = "",
) -> Spec | None:
    """Reads a topology; None when it has errors. All findings of the language are collected.

    `file` is only a name for messages; `opened` gives the content of what it includes, and
    `today` is the date (2027-01-31) by which nodes expire. Never raises for any input.
    """
    if isinstance(text, bytes):
        decoded = decode_source(text, file, diagnostics)
        if decoded is None:
            return None
        text = decoded
    found = Diagnostics()
    spec = None
    source = parse_source(text, file, found)
    if source is not None:
        document = read_document(join_included(source, opened, found), found)
        if document is not None:
            spec = resolve(document, found, today)
            for check in LANGUAGE_CHECKS:
                check(spec, document, found)
    diagnostics.extend(found)
    return None if found.has_errors else spec
