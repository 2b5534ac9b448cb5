"""The rules that need no graph, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable

from meshc.diagnostics import Diagnostics
from meshc.topology.document import Document
from meshc.topology.spec import Spec

Check = Callable[[Spec, Document, Diagnostics], None]

LANGUAGE_CHECKS: tuple[Check, ...] = ()
