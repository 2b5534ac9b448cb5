from __future__ import annotations

import os
import subprocess
import sys

import pytest

from meshc.engine.io.privileges import CAP_NET_ADMIN, CAP_NET_BIND_SERVICE
from tests.support.enginenet import ROOT

_REPORT = """
from pathlib import Path
from meshc.engine.io.privileges import drop
drop()
print(Path("/proc/self/status").read_text())
print(Path("/proc/self/limits").read_text())
import ctypes
print("Dumpable:", ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


def facts() -> dict[str, list[str]]:
    result = subprocess.run(
        [sys.executable, "-c", _REPORT], capture_output=True, text=True, cwd=ROOT, check=True
    )
    lines = (line.partition(":") for line in result.stdout.splitlines() if ":" in line)
    found = {name: value.split() for name, _, value in lines}
    (core,) = (line for line in result.stdout.splitlines() if "Max core file size" in line)
    found["core"] = core.split()[4:6]
    return found


def test_the_memory_is_nobodys_business() -> None:
    found = facts()

    assert found["Dumpable"] == ["0"]
    assert found["core"] == ["0", "0"]
    assert found["NoNewPrivs"] == ["1"]


def test_no_capability_stays_but_those_of_a_running_engine() -> None:
    found = facts()

    allowed = 1 << CAP_NET_ADMIN | 1 << CAP_NET_BIND_SERVICE
    for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        assert int(found[name][0], 16) & ~allowed == 0, name


@pytest.mark.root
def test_root_keeps_what_a_running_engine_needs_and_cannot_get_the_rest_back() -> None:
    found = facts()

    allowed = 1 << CAP_NET_ADMIN | 1 << CAP_NET_BIND_SERVICE
    assert os.geteuid() == 0
    assert int(found["CapEff"][0], 16) == allowed
    assert int(found["CapBnd"][0], 16) == allowed
