"""Plans to files: one module per output."""

from __future__ import annotations

from meshc.render.mesh import artifacts
from meshc.render.secrets import Secrets

__all__ = ["Secrets", "artifacts"]
