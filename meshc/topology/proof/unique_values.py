"""The unique values of a column."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Scalar = TypeVar("_Scalar", bound=np.generic)


def unique_values(values: NDArray[_Scalar]) -> NDArray[_Scalar]:
    """Sorted, each once: `numpy.unique`, which however imports all of numpy.ma, and that takes
    longer than most proofs."""
    in_order = np.sort(values, axis=None)
    if len(in_order) < 2:
        return in_order
    keep = np.ones(len(in_order), bool)
    keep[1:] = in_order[1:] != in_order[:-1]
    return in_order[keep]
