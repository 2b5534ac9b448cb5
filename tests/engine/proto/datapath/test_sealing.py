from __future__ import annotations

import pytest

from meshc.engine.proto.datapath import Arena
from meshc.engine.proto.datapath.sealing import OVERHEAD, Sealer
from tests.support.opened import seal_all
from tests.support.sessions import keypairs


@pytest.mark.parametrize("count", [1, 3, 4, 64, 300])
@pytest.mark.parametrize("behind", [0, 80, 81])
def test_few_and_many_make_the_same_messages(count: int, behind: int) -> None:
    ours, _ = keypairs()
    oracle, _ = keypairs()
    ours.sealing.counter = oracle.sealing.counter = 2**33
    size = 48 + OVERHEAD
    out = Arena(behind + count * size)

    end = Sealer().seal(ours.sealing, [memoryview(bytes(48))] * count, count, out, behind)

    assert end == behind + count * size
    found = [bytes(out.view[at : at + size]) for at in range(behind, end, size)]
    assert found == seal_all(oracle, [bytes(48)] * count)
    assert ours.sealing.counter == oracle.sealing.counter
