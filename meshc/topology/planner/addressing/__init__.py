"""Addresses and ports, allocated once and kept by the lock."""
