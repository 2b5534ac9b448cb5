"""Where a skip is an error: CI installs the tools that tests use, so that a missing one is a fault
of the CI, which would otherwise stay green with its tests gone."""

from __future__ import annotations

from collections.abc import Mapping

# what a machine is, as opposed to what is installed on it
OF_THE_MACHINE = ("needs root", "needs /dev/net/tun", "systemd does not boot")


def is_error(reason: str, environment: Mapping[str, str]) -> bool:
    """Whether a test that was skipped for this reason has failed."""
    if environment.get("CI", "").lower() not in ("true", "1"):
        return False
    return not reason.removeprefix("Skipped: ").startswith(OF_THE_MACHINE)
