"""An arena: one preallocated buffer of equal slots, with their memoryviews made once.

Slicing a memoryview costs about as much as a quarter of an AEAD call; traffic repeats the
same few layouts, so the slices of a layout are kept and handed out again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
Buffer = bytes | bytearray | memoryview
Buffers = list[Buffer]
"""One packet or datagram in parts, as writev(2) takes it."""

_MAX_LAYOUTS = 48
_MAX_ARRAYS = 512


class Arena:
    """A fixed buffer seen as bytes, as cached memoryviews and as cached numpy columns."""

    __slots__ = ("_arrays", "_layouts", "buffer", "view")

    def __init__(self, size: int) -> None:
        self.buffer = bytearray(size)
        self.view = memoryview(self.buffer)
        self._layouts: dict[tuple[int, int, int], list[memoryview]] = {}
        self._arrays: dict[tuple[int, int, int, str], npt.NDArray[Any]] = {}

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
        return self._array(offset, stride, width, "u1")[:count]

    def words(self, offset: int, stride: int, width: int, count: int) -> npt.NDArray[np.uint32]:
        """The same as native 32-bit words; `offset`, `stride`, `width` are multiples of 4."""
        return self._array(offset, stride, width, "=u4")[:count]

    def field(self, offset: int, stride: int, dtype: str, count: int) -> npt.NDArray[Any]:
        """One number of each row, wherever it lies: readable and writable, no copy."""
        return self._array(offset, stride, 0, dtype)[:count]

    def _array(self, offset: int, stride: int, width: int, dtype: str) -> npt.NDArray[Any]:
        """All rows there are from `offset` on: `width` octets of each, or a number if 0."""
        key = (offset, stride, width, dtype)
        array = self._arrays.get(key)
        if array is None:
            kind = np.dtype(dtype)
            rows = (len(self.buffer) - offset - max(width, kind.itemsize)) // stride + 1
            if width:
                shape, strides = (rows, width // kind.itemsize), (stride, kind.itemsize)
                array = np.ndarray(shape, kind, self.buffer, offset, strides)
            else:
                array = np.ndarray((rows,), kind, self.buffer, offset, (stride,))
            if len(self._arrays) >= _MAX_ARRAYS:
                self._arrays.clear()
            self._arrays[key] = array
        return array
