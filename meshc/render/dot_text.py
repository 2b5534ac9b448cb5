"""Dot text: names drawn as 5 x 7 dots, in capitals, for pictures that have no font."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

WIDTH, HEIGHT = 6, 9
"""Of one sign with the space beside and below it."""
_DOTS = """
A 0e11111f111111  B 1e11111e11111e  C 0e11101010110e  D 1e11111111111e  E 1f10101e10101f
F 1f10101e101010  G 0e11101711110f  H 1111111f111111  I 0e04040404040e  J 0702020202120c
K 11121418141211  L 1010101010101f  M 111b1515111111  N 11111915131111  O 0e11111111110e
P 1e11111e101010  Q 0e11111115120d  R 1e11111e141211  S 0f10100e01011e  T 1f040404040404
U 1111111111110e  V 11111111110a04  W 11111115151b11  X 11110a040a1111  Y 11110a04040404
Z 1f01020408101f  0 0e11131519110e  1 040c040404040e  2 0e11010204081f  3 1f02040201110e
4 02060a121f0202  5 1f101e0101110e  6 0608101e11110e  7 1f010204080808  8 0e11110e11110e
9 0e11110f01020c  - 0000001f000000  _ 0000000000001f  . 00000000000c0c  : 000c0c000c0c00
"""
_BOX = bytes.fromhex("1f11111111111f")
_SIGNS = {
    word: bytes.fromhex(dots) for word, dots in zip(*[iter(_DOTS.split())] * 2, strict=True)
} | {" ": bytes(7)}


def dot_rows(text: str, *, most: int) -> Iterator[list[bool]]:
    """Rows of `most` dots, True where ink is: the text in lines, each in the middle."""
    for line in wrap(text.upper(), max(1, most // WIDTH)):
        signs = [_SIGNS.get(sign, _BOX) for sign in line]
        left = (most - WIDTH * len(signs) + 1) // 2
        for row in range(HEIGHT):
            dots = [False] * left
            for sign in signs:
                bits = sign[row] if row < len(sign) else 0
                dots += [bool(bits >> place & 1) for place in range(4, -1, -1)] + [False]
            yield (dots + [False] * most)[:most]
