"""The arguments KEY=VALUE: keys of a node, as they would stand in the topology."""

from __future__ import annotations

import click


def settings_line(settings: tuple[str, ...]) -> str:
    """`a=1 b=[x]` as it stands between the braces of a YAML mapping. Raises: click.UsageError."""
    pairs = []
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key or not value or "\n" in setting:
            raise click.UsageError(f"{setting!r} is not KEY=VALUE, such as platform=ios")
        pairs.append(f"{key}: {value}")
    return ", ".join(pairs)
