"""Equal-sized slots of one preallocated buffer, with their memoryviews made once.

Slicing a memoryview costs about as much as a quarter of an AEAD call; traffic repeats the
same few layouts, so the slices of a layout are kept and handed out again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]

_MAX_LAYOUTS = 48


class Arena:
    """A fixed buffer seen as bytes, as numpy octets and as cached rows of memoryviews."""

    __slots__ = ("_layouts", "buffer", "octets", "view")

    def __init__(self, size: int) -> None:
        self.buffer = bytearray(size)
        self.view = memoryview(self.buffer)
        self.octets: U8 = np.frombuffer(self.buffer, np.uint8)
        self._layouts: dict[tuple[int, int, int], list[memoryview]] = {}

    def slots(self, offset: int, stride: int, size: int, count: int) -> list[memoryview]:
        """Views of `size` bytes at `offset + i * stride`; the list holds at least `count`."""
        key = (offset, stride, size)
        views = self._layouts.get(key)
        if views is None:
            if len(self._layouts) >= _MAX_LAYOUTS:
                self._layouts.clear()
            views = self._layouts[key] = []
        if len(views) < count:
            view = self.view
            starts = range(offset + len(views) * stride, offset + count * stride, stride)
            views.extend([view[start : start + size] for start in starts])
        return views

    def matrix(self, offset: int, stride: int, width: int, count: int) -> U8:
        """The first `width` octets of `count` rows that begin `stride` apart, no copy."""
        return np.ndarray((count, width), np.uint8, self.buffer, offset, (stride, 1))

    def words(self, offset: int, stride: int, width: int, count: int) -> npt.NDArray[np.uint32]:
        """The same as native 32-bit words; `offset`, `stride`, `width` are multiples of 4."""
        return np.ndarray((count, width // 4), np.uint32, self.buffer, offset, (stride, 4))


def column(matrix: U8, start: int, dtype: str) -> npt.NDArray[Any]:
    """A header field of every row as numbers of `dtype` (a copy, since rows are strided)."""
    kind = np.dtype(dtype)
    return np.ascontiguousarray(matrix[:, start : start + kind.itemsize]).view(kind).ravel()


def set_column(matrix: U8, start: int, values: npt.NDArray[Any], dtype: str) -> None:
    """Write a header field of every row."""
    kind = np.dtype(dtype)
    octets = values.astype(kind).view(np.uint8).reshape(len(values), kind.itemsize)
    matrix[:, start : start + kind.itemsize] = octets
