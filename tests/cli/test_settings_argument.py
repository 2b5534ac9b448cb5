"""KEY=VALUE arguments as YAML on one line."""

from __future__ import annotations

import click
import pytest

from meshc.cli.settings_argument import settings_line


def test_they_stand_side_by_side() -> None:
    assert settings_line(("via=[a, b]", "nat=symmetric")) == "via: [a, b], nat: symmetric"
    assert settings_line(()) == ""


@pytest.mark.parametrize("word", ["via", "=x", "via=", "a=1\nb: 2"])
def test_what_is_none(word: str) -> None:
    with pytest.raises(click.UsageError):
        settings_line((word,))
