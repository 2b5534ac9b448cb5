"""The public half of a key, for nodes without wg: X25519 of RFC 7748, slow and short."""

from __future__ import annotations


def public_of(private: bytes) -> bytes:
    """X25519(private, 9), RFC 7748 section 5."""
    prime = 2**255 - 19
    scalar = int.from_bytes(private, "little") & ~7 & ~(128 << 8 * 31) | (64 << 8 * 31)
    x1, x2, z2, x3, z3, swap = 9, 1, 0, 9, 1, 0
    for at in range(254, -1, -1):
        bit = scalar >> at & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a % prime, c * b % prime, a * a % prime, b * b % prime
        x3, z3 = (da + cb) ** 2 % prime, x1 * (da - cb) ** 2 % prime
        x2, z2 = aa * bb % prime, (aa - bb) * (aa + 121665 * (aa - bb)) % prime
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, prime - 2, prime) % prime).to_bytes(32, "little")
