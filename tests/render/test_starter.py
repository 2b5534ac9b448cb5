"""Starter files: valid, commented, and safe whatever was answered."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshc.diagnostics import Diagnostics
from meshc.render.starter import TEMPLATES, Answers, scalar, starter
from meshc.topology.language.load import load_spec

OFFICE = Answers(name="office", endpoint="vpn.office.net")


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_loads_and_every_part_is_commented(template: str) -> None:
    text = starter(template, OFFICE)
    diagnostics = Diagnostics()
    assert load_spec(text, file="f", diagnostics=diagnostics) is not None, list(diagnostics)
    assert text.count("#") >= 5
    assert all(len(line) <= 100 for line in text.splitlines())
    assert text.endswith("\n")


@pytest.mark.parametrize("template", TEMPLATES)
def test_an_ipv4_network(template: str) -> None:
    spec = load_spec(
        starter(template, Answers(ipv6="", endpoint="vpn.office.net")),
        file="f",
        diagnostics=Diagnostics(),
    )
    assert spec is not None
    assert [pool.family for pool in spec.network.pools] == [4]


@given(st.text(max_size=30))
def test_a_scalar_means_its_text_to_every_reader(text: str) -> None:
    if any(0xD800 <= ord(c) < 0xE000 for c in text):
        return
    assert yaml.safe_load(f"a: {scalar(text)}") == {"a": text}


def test_words_that_old_readers_take_for_truth_values_are_quoted() -> None:
    assert scalar("no") == '"no"'
    assert scalar("office") == "office"
    assert scalar("[2a00::1]:5") == '"[2a00::1]:5"'
