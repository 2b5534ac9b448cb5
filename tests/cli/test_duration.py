"""Times as options have them."""

from __future__ import annotations

import click
import pytest

from meshc.cli.duration import Duration

KIND = Duration(10, 7 * 86400)


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("30m", 1800), ("1h", 3600), ("7d", 604800)]
)
def test_each_unit(text: str, seconds: int) -> None:
    assert KIND.convert(text, None, None) == seconds
    assert KIND.convert(seconds, None, None) == seconds


@pytest.mark.parametrize("text", ["", "h", "1", "1w", "-1h", "1h30m", "9s", "8d", "1.5h", "1٣h"])
def test_what_is_no_time_or_out_of_range(text: str) -> None:
    with pytest.raises(click.BadParameter):
        KIND.convert(text, None, None)
