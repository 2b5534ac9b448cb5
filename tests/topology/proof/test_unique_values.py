"""`unique_values` is numpy.unique without what that imports."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from meshc.topology.proof.unique_values import unique_values


@given(st.lists(st.integers(-5, 5)))
def test_it_is_what_numpy_finds(values: list[int]) -> None:
    column = np.array(values, np.int32)
    found = unique_values(column)
    assert found.tolist() == sorted(set(values)) == np.unique(column).tolist()
    assert found.dtype == column.dtype
    assert column.tolist() == values


def test_it_leaves_masked_arrays_alone() -> None:
    code = (
        "import sys, numpy as np\n"
        "from meshc.topology.proof.unique_values import unique_values\n"
        "unique_values(np.array([2, 1, 2]))\n"
        "assert 'numpy.ma' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
