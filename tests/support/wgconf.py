"""wg-quick files for tests, with fresh keys."""

from __future__ import annotations

from pathlib import Path

from meshc.keys import PrivateKey, PublicKey

KEY = PrivateKey.generate()
PEER_KEY = PrivateKey.generate()


def write(directory: Path, name: str, text: str) -> Path:
    """A file that only its owner reads, in a directory of its own."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"{name}.conf"
    path.write_text(text)
    path.chmod(0o600)
    return path


def interface(*lines: str, key: PrivateKey = KEY) -> str:
    return "\n".join(["[Interface]", f"PrivateKey = {key.reveal()}", *lines, ""])


def peer(*lines: str, key: PublicKey | None = None) -> str:
    public = key or PEER_KEY.public_key()
    return "\n".join(["[Peer]", f"PublicKey = {public}", *lines, ""])
