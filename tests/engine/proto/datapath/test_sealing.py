from __future__ import annotations

import pytest

from meshc.engine.proto.datapath import Arena
from meshc.engine.proto.datapath.sealing import OVERHEAD, Sealer
from meshc.engine.proto.datapath.session_keys import PortableSealingKey

KEY = bytes(range(32))


@pytest.mark.parametrize("count", [1, 3, 4, 64, 300])
@pytest.mark.parametrize("behind", [0, 80, 81])
def test_few_and_many_make_the_same_messages(count: int, behind: int) -> None:
    ours, oracle = PortableSealingKey(KEY, 7), PortableSealingKey(KEY, 7)
    ours.counter = oracle.counter = 2**33
    size = 48 + OVERHEAD
    out = Arena(behind + count * size)

    end = Sealer().seal(ours, [memoryview(bytes(48))] * count, count, out, behind)

    assert end == behind + count * size
    found = [bytes(out.view[at : at + size]) for at in range(behind, end, size)]
    assert found == [oracle.seal(bytes(48), 0) for _ in range(count)]
    assert ours.counter == oracle.counter
