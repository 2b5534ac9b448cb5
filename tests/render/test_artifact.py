"""An emitted file does not show what it holds."""

from __future__ import annotations

from meshc.render.artifact import Artifact
from meshc.secret import SecretBytes


def test_its_repr_holds_nothing_of_the_content() -> None:
    content = b"PrivateKey = do not show\n"
    artifact = Artifact("a/wg0.conf", SecretBytes(content), 0o600, "a", "for wg-quick", True)
    assert "a/wg0.conf" in repr(artifact)
    assert "do not show" not in repr(artifact)
