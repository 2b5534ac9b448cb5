"""Every rule about a network is in the list that runs."""

from __future__ import annotations

import importlib
import pkgutil

from meshc.topology.planner import checks
from meshc.topology.planner.checks.plan_checks import ADDRESSED_CHECKS, NETWORK_CHECKS


def test_no_rule_is_forgotten() -> None:
    names = [module.name for module in pkgutil.iter_modules(checks.__path__)]
    modules = [importlib.import_module(f"{checks.__name__}.{name}") for name in names]
    rules = {
        value
        for module in modules
        for name, value in vars(module).items()
        if name.startswith("check_") and value.__module__ == module.__name__
    }
    assert rules == {*NETWORK_CHECKS, *ADDRESSED_CHECKS}
    assert len(rules) == len(names) - 1
