"""Options of the test run, what its processes share, and its order."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import settings

from tests.support.netns import byte_code
from tests.support.second_try import pytest_terminal_summary as pytest_terminal_summary
from tests.support.skips import is_error

TOGETHER = frozenset(
    {
        "tests/deploy/remote/test_environment.py",
        "tests/deploy/test_hostile_nodes.py",
        "tests/deploy/test_joint_rollout.py",
        "tests/deploy/test_obstacles.py",
        "tests/deploy/test_own_meshc.py",
        "tests/engine/io/test_clock.py",
        "tests/node/test_refusals.py",
        "tests/test_packaging.py",
    }
)
"""One worker runs all of such a file: its tests share what takes longer to make than a test does;
or one would take processes for its own that another started from the same version of meshc, or
would see the clock being set that another sets."""


# on a busy machine an example takes as long as it takes; the rest is as hypothesis chose it
settings.register_profile("without deadline", settings.default, deadline=None)
settings.load_profile("without deadline")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what is produced now as what is expected; review the difference",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Before a worker of pytest-xdist starts: one directory of compiled modules for all of them."""
    node.workerinput["byte_code"] = byte_code()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """The mark `xdist_group` would do, but pytest-xdist 3.8 loses it under pytest 9.2."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return file if file in TOGETHER else nodeid

    return Scheduler(config, log) if config.getoption("dist") == "loadscope" else None


def pytest_configure(config: pytest.Config) -> None:
    """What tests start finds its modules compiled, whether this process keeps its own or not."""
    shared = getattr(config, "workerinput", {}).get("byte_code")
    if shared is None and config.getoption("dist", "no") != "no":
        return  # the tests run in workers, which would look there for modules of their own
    os.environ["PYTHONPYCACHEPREFIX"] = shared or byte_code()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip for want of a tool, where all tools are there, is a failure."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
        if is_error(reason, os.environ):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid}: {reason}; nothing is skipped in CI"
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest first: none of them is left when the workers have nothing else to do."""
    items.sort(key=_seconds, reverse=True)


def _seconds(item: pytest.Item) -> int:
    slow = item.get_closest_marker("slow")
    return 0 if slow is None else next(iter(slow.args), 10)
