"""An emitted file does not show what it holds."""

from __future__ import annotations

from meshc.render.artifact import Artifact


def test_its_repr_is_its_name_size_and_mode() -> None:
    content = b"PrivateKey = do not show\n"
    artifact = Artifact("a/wg0.conf", content, 0o600, "a", "for wg-quick", True)
    assert repr(artifact) == "Artifact('a/wg0.conf', 25 bytes, mode=600)"
