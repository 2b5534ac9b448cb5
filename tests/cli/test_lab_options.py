"""The world that a command line asks for."""

from __future__ import annotations

import click
import pytest

from meshc.cli.lab_options import read_options
from meshc.lab.world.places import Shape


def test_uplinks_are_read() -> None:
    options = read_options(("home",), ("home=latency:20,loss:0.5", "kbit:1000,mtu:1492"))
    assert options.shapes == {"home": Shape(delay=20, loss=0.5)}
    assert options.shape == Shape(rate=1000, mtu=1492)
    assert options.carrier == {"home"}


def test_a_word_that_is_none_names_those_that_are() -> None:
    with pytest.raises(click.UsageError, match="'speed:9' is none of latency:ms"):
        read_options((), ("home=speed:9",))
