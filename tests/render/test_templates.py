"""Templates are found, strict, and escape by their environment, not by each template."""

from __future__ import annotations

from typing import Any

import pytest
from jinja2 import UndefinedError

from meshc.errors import Refused
from meshc.render.templates import conf_template, environment, source

GOOD: dict[str, Any] = {
    "name": "a",
    "network": "n",
    "interface": "wg0",
    "section": "wg0",
    "private_key": None,
    "key_from": None,
    "listen_port": None,
    "fwmark": None,
    "mtu": 1420,
    "addresses": [],
    "dns": [],
    "search": [],
    "peers": [],
    "route_allowed_ips": 1,
    "firewall": [],
    "policies": [],
    "policy_file": "/etc/nftables.d/meshc-wg0.policy",
}


@pytest.mark.parametrize("key", ["name", "network", "interface", "section", "key_from", "fwmark"])
def test_every_value_of_a_script_is_checked(key: str) -> None:
    script = conf_template("openwrt.sh.j2")
    assert "# a: interface wg0 of the network n" in script(**GOOD)
    with pytest.raises(Refused):
        script(**{**GOOD, key: "x\nreboot"})


def test_a_value_that_nobody_gave_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        conf_template("openwrt.sh.j2")(name="a")


def test_markup_is_escaped_by_itself() -> None:
    template = environment(markup=True).from_string("{{ x }}")
    assert template.render(x="<&>") == "&lt;&amp;&gt;"


def test_templates_are_found() -> None:
    assert source("openwrt.sh.j2").startswith("#!/bin/sh\n")
    with pytest.raises(FileNotFoundError):
        source("none.j2")
