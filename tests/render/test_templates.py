"""Escaping is done by the environment, not by each template."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from meshc.errors import Refused
from meshc.render.templates import conf_template, environment, ini, source


@pytest.mark.parametrize("value", ["a", "a b", 'x"y', "ä", 7, "%i $(x) `y`"])
def test_what_fits_is_written_as_it_is(value: object) -> None:
    assert ini(value) == str(value)


@pytest.mark.parametrize("value", ["a\nb", "a#b", "\r", "\0", "\x7f", "\u2028", "\x85"])
def test_what_does_not_fit_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(Refused, match="E510") as caught:
        ini(value)
    assert value not in str(caught.value)


def test_every_value_of_a_template_is_checked() -> None:
    good = {
        "name": "a",
        "public_key": "k",
        "preshared_key": None,
        "allowed_ips": "x",
        "endpoint": None,
        "keepalive": None,
    }
    assert "# Name = a\n" in conf_template("wgquick-peer.j2")(**good)
    for key in good:
        with pytest.raises(Refused):
            conf_template("wgquick-peer.j2")(**{**good, key: "x\n[Peer]"})
    with pytest.raises(UndefinedError):
        conf_template("wgquick-peer.j2")()


def test_markup_is_escaped_by_itself() -> None:
    template = environment(markup=True).from_string("{{ x }}")
    assert template.render(x="<&>") == "&lt;&amp;&gt;"


def test_templates_are_found() -> None:
    assert source("wgquick-peer.j2").startswith("\n[Peer]\n")
    with pytest.raises(FileNotFoundError):
        source("none.j2")
