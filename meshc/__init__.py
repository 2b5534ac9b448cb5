"""meshc: a compiler for WireGuard networks."""

__version__ = "0.1.0"
