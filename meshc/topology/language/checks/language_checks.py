"""The rules that need no graph, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable

from meshc.diagnostics import Diagnostics
from meshc.topology.language.checks.endpoints import check_endpoints
from meshc.topology.language.checks.given_keys import check_keys
from meshc.topology.language.checks.kept_out import check_kept_out
from meshc.topology.language.checks.packet_sizes import check_mtu
from meshc.topology.language.checks.policy_rules import check_policies
from meshc.topology.language.checks.roles import check_roles, check_usage
from meshc.topology.language.checks.written_prefixes import check_prefixes
from meshc.topology.language.read.document import Document
from meshc.topology.language.spec import Spec

Check = Callable[[Spec, Document, Diagnostics], None]

LANGUAGE_CHECKS: tuple[Check, ...] = (
    check_prefixes,
    check_endpoints,
    check_keys,
    check_roles,
    check_kept_out,
    check_mtu,
    check_usage,
    check_policies,
)
