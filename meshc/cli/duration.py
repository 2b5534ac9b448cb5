"""A time as an option has it: 90s, 30m, 1h, 7d."""

from __future__ import annotations

import re

import click

DAY = 86400
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": DAY}
_TEXT = re.compile(r"([0-9]{1,6})([smhd])\Z", re.ASCII)


class Duration(click.ParamType[int]):
    """Seconds, of at least `least` and at most `most`."""

    name = "duration"

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        found = _TEXT.match(str(value))
        if isinstance(value, int):
            return value
        if found is None:
            self.fail(f"{value!r} is no time such as 30m, 1h or 7d", param, ctx)
        seconds = int(found.group(1)) * _UNITS[found.group(2)]
        if not self._least <= seconds <= self._most:
            self.fail(
                f"{value} is not between {self._least} s and {self._most // 86400} d", param, ctx
            )
        return seconds
