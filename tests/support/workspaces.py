"""Topology files in temporary directories."""

from __future__ import annotations

from pathlib import Path

STAR = """\
meshc: 1
network:
  name: testnet
  addresses: [10.44.0.0/24, "fd44::/64"]
nodes:
  hub: {role: relay, endpoint: hub.example-vpn.dev}
  laptop: {nat: port_restricted}
  phone: {nat: symmetric, platform: ios}
"""
LEAF = "  tablet: {nat: symmetric}\n"


def write_topology(directory: Path, text: str = STAR, name: str = "mesh.yaml") -> Path:
    directory.mkdir(exist_ok=True)
    file = directory / name
    file.write_text(text)
    return file


def snapshot(directory: Path) -> dict[str, bytes]:
    """Every file below a directory by its relative path."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
