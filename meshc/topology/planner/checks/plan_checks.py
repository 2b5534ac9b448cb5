"""The rules about a network as a whole, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable

from meshc.diagnostics import Diagnostics
from meshc.topology.obligations.claim import Addresses
from meshc.topology.planner.checks.addresses import check_addresses
from meshc.topology.planner.checks.endpoint_use import check_endpoint_use
from meshc.topology.planner.checks.exits import check_exits
from meshc.topology.planner.checks.healing import check_healing
from meshc.topology.planner.checks.overlaps import check_overlaps
from meshc.topology.planner.checks.reachability import check_reachability
from meshc.topology.planner.checks.relay_failures import check_failure
from meshc.topology.planner.checks.tunnels import check_tunnels
from meshc.topology.planner.routing.routing import Routing

Check = Callable[[Routing, Diagnostics], None]
AddressedCheck = Callable[[Routing, Diagnostics, Addresses], None]

NETWORK_CHECKS: tuple[Check, ...] = (
    check_addresses,
    check_overlaps,
    check_endpoint_use,
    check_exits,
    check_tunnels,
    check_healing,
    check_failure,
)

# those that need the addresses that nodes were given
ADDRESSED_CHECKS: tuple[AddressedCheck, ...] = (check_reachability,)
