"""Both roads of the data path for the tests that move packets; all others take that of the engine:
the compiled one where it is built."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from meshc.engine.proto.datapath import compiled, road


@pytest.fixture(scope="module", params=[road.PORTABLE, road.COMPILED], ids=lambda way: way.name)
def each_road(request: pytest.FixtureRequest) -> Iterator[road.Road]:
    """Run the module's tests on one road after the other."""
    way: road.Road = request.param
    if way is road.COMPILED and not compiled.AVAILABLE:
        pytest.skip("needs meshc-native: ./dev test builds it where cargo is installed")
    before = road.taken()
    road.take(way)
    yield way
    road.take(before)
