"""Which backend a name means, and in which order they are tried."""

from __future__ import annotations

import pytest

from meshc.errors import NodeError
from meshc.node.backends import AUTO, Backend, backend, candidates
from meshc.node.backends.external import External


@pytest.mark.parametrize("name", ["kernel", "bundled", "wireguard-go", "/opt/boringtun"])
def test_a_backend_is_called_as_it_was_asked_for(name: str) -> None:
    assert backend(name).name == name


def test_the_fastest_is_tried_first() -> None:
    assert [one.name for one in candidates(AUTO)] == ["kernel", "bundled", "wireguard-go"]
    assert [one.name for one in candidates("bundled")] == ["bundled"]


def test_another_word_is_refused() -> None:
    with pytest.raises(NodeError, match="there is no engine 'wire'"):
        backend("wire")


def test_a_caller_may_bring_its_own_backends() -> None:
    """As the lab does, which forks its engines."""
    asked = []

    def own(name: str) -> Backend:
        asked.append(name)
        return External(f"/own/{name}")

    assert [one.name for one in candidates(AUTO, own)] == [f"/own/{name}" for name in asked]
    assert asked == ["kernel", "bundled", "wireguard-go"]
