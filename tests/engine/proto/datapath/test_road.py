from __future__ import annotations

import subprocess
import sys

import pytest

from meshc.engine.proto import datapath
from meshc.engine.proto.datapath import compiled, road
from meshc.engine.proto.datapath.portable import PortableDataPath
from meshc.engine.proto.datapath.session_keys import PortableSealingKey
from tests.support.sessions import keypairs


def test_functions_and_keys_are_of_the_same_road(each_road_alone: road.Road) -> None:
    ours, _ = keypairs()

    portable = each_road_alone is road.PORTABLE
    assert isinstance(datapath.new(), PortableDataPath) is portable
    assert isinstance(ours.sealing, PortableSealingKey) is portable


def test_the_compiled_road_is_taken_where_it_is_installed() -> None:
    assert (road.taken() is road.COMPILED) is compiled.AVAILABLE


@pytest.mark.parametrize("way", [road.PORTABLE, road.COMPILED])
def test_a_road_that_was_taken_is_the_one(way: road.Road) -> None:
    before = road.taken()
    road.take(way)
    assert road.taken() is way
    road.take(before)


@pytest.mark.parametrize("module", ["None", "types.SimpleNamespace(CONTRACT=0)"])
def test_without_the_compiled_one_or_with_another_version_it_is_the_portable_one(
    module: str,
) -> None:
    program = (
        f"import sys, types; sys.modules['meshc_native'] = {module}\n"
        "import meshc.engine.io.runner as runner\n"
        "from meshc.engine.proto.datapath import road\n"
        "print(road.taken().name, runner._pump().__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["portable", "Pump"]
