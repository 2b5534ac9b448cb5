"""The rules that need no graph, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable

from meshc.diagnostics import Diagnostics
from meshc.topology.checks.endpoints import check_endpoints
from meshc.topology.checks.keys import check_keys
from meshc.topology.checks.mtu import check_mtu
from meshc.topology.checks.prefixes import check_prefixes
from meshc.topology.checks.roles import check_roles, check_usage
from meshc.topology.document import Document
from meshc.topology.spec import Spec

Check = Callable[[Spec, Document, Diagnostics], None]

LANGUAGE_CHECKS: tuple[Check, ...] = (
    check_prefixes,
    check_endpoints,
    check_keys,
    check_roles,
    check_mtu,
    check_usage,
)
