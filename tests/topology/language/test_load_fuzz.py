"""Whatever stands in a file, reading it ends in a Spec or in diagnostics, never in an exception."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from meshc.diagnostics import Diagnostics
from meshc.topology.language.load import load_spec
from meshc.topology.language.spec import Spec
from tests.support.hostile import HOSTILE, places, put, values

EXAMPLES = sorted(
    path for path in Path("examples/topologies").glob("*/mesh.yaml") if path.parent.name != "large"
)
TEXTS = [path.read_text(encoding="utf-8") for path in EXAMPLES]
TREES = [yaml.safe_load(text) for text in TEXTS]
relaxed = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def load(text: str | bytes) -> tuple[Spec | None, Diagnostics]:
    """Loads, and checks what must hold for every input."""
    diagnostics = Diagnostics()
    spec = load_spec(text, file="fuzz.yaml", diagnostics=diagnostics)
    assert (spec is None) == diagnostics.has_errors
    for found in diagnostics:
        assert found.location is not None
        assert found.location.line >= 1
        assert found.location.column >= 1
        for said in (found.message, found.hint, found.path):
            assert said.isprintable(), (found.code, said)
            assert len(said) < 2000
    if spec is not None:
        for word in strings(spec):
            assert "\n" not in word
            assert "\r" not in word
            assert "\0" not in word
        for name in (*spec.nodes, *spec.sites, *spec.groups):
            assert "/" not in name
            assert ".." not in name
            assert name[0].isalnum()
    return spec, diagnostics


def strings(value: Any) -> Iterator[str]:
    """All texts in a value made of dataclasses, tuples and mappings."""
    if isinstance(value, str):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            if field.compare:
                yield from strings(getattr(value, field.name))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from strings(key)
            yield from strings(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from strings(item)


@relaxed
@given(st.text(max_size=300))
@example("a: &a [*a]")
@example("? {a: b}\n: c")
@example("- - - -\n\t- x")
@example("%YAML 9.9\n---\na")
def test_any_text(text: str) -> None:
    load(text)


@relaxed
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    load(data)


@relaxed
@given(st.text(alphabet="meshc: 1\n{}[]&*!|>-?,'\"#%@`\t~<=0x.eno", max_size=120))
def test_text_made_of_yaml_signs(text: str) -> None:
    load(text)


@relaxed
@given(st.data())
def test_an_example_with_some_characters_changed(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 12))
        text = text[:at] + data.draw(st.text(max_size=6)) + text[at + cut :]
    load(text)


@relaxed
@given(st.data())
def test_wrong_kinds_of_values_anywhere(data: st.DataObject) -> None:
    tree = json.loads(json.dumps(data.draw(st.sampled_from(TREES))))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(sorted(places(tree), key=repr)))
        put(tree, place, data.draw(values))
    load(json.dumps(tree, ensure_ascii=data.draw(st.booleans())))


@relaxed
@given(
    st.sampled_from(["name", "node", "site", "group", "member", "endpoint", "hook", "via", "dns"]),
    st.sampled_from(HOSTILE) | st.text(max_size=80),
)
def test_hostile_words_in_every_place_for_words(place: str, word: str) -> None:
    tree: dict[str, Any] = {
        "meshc": 1,
        "network": {"name": word if place == "name" else "demo", "addresses": "10.44.0.0/24"},
        "sites": {word if place == "site" else "home": {}},
        "nodes": {
            "hub": {"role": "relay", "endpoint": word if place == "endpoint" else "hub.net"},
            word if place == "node" else "laptop": {
                "post_up": word if place == "hook" else "echo %i",
                "via": [word if place == "via" else "hub"],
                "dns": [word if place == "dns" else "1.1.1.1"],
            },
        },
        "groups": {word if place == "group" else "g": [word if place == "member" else "hub"]},
    }
    load(json.dumps(tree))


@relaxed
@given(st.data())
def test_both_parsers_read_the_same(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    at = data.draw(st.integers(0, len(text)))
    text = text[:at] + data.draw(st.text(alphabet="[]{}:,'\" \n#&*a-", max_size=4)) + text[at:]
    compiled, _ = load(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml, "__with_libyaml__", False)
        pure, _ = load(text)
    assert compiled == pure


@pytest.mark.parametrize("text", TEXTS, ids=[path.parent.name for path in EXAMPLES])
def test_both_parsers_find_the_same_places(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = text.replace("endpoint", "endpont").replace("site:", "sit:")
    _, compiled = load(broken)
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    _, pure = load(broken)
    assert list(compiled) == list(pure)


LONG = 10_000_000


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a" * LONG, "E112"),
        ("[" * LONG, "E102"),
        ("- " * (LONG // 2), "E102"),
        ("{a: " * (LONG // 4), "E102"),
        ("? " * (LONG // 2), "E105"),
        ("a:" * (LONG // 2), "E100"),
        ("*" + "a" * LONG, "E104"),
        ("!" + "a" * LONG + " x", "E105"),
        ("%" + "a" * LONG, "E100"),
        ('meshc: 1\nnodes: {n: {endpoint: "' + "x" * LONG + '"}}', "E120"),
        ("meshc: 1\nnodes: {n: {mtu: " + "9" * LONG + "}}", "E112"),
        ("meshc: 1\nnodes: {n: {public_key: " + "a" * LONG + "}}", "E119"),
        ("# " + "x" * LONG, "E112"),
    ],
    ids=lambda value: value[:12].strip() if len(value) > 9 else value,
)
def test_a_line_of_ten_megabytes(text: str, code: str) -> None:
    _, diagnostics = load(text)
    assert code in {found.code for found in diagnostics}


def test_alias_bombs_are_not_expanded() -> None:
    """Ten to the power of thirty values, and a chain of aliases deeper than any stack."""
    wide = "a0: &a0 [x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 31)
    )
    deep = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 10_000))
    for text, code in ((wide, "E104"), (deep, "E102")):
        _, diagnostics = load(text)
        assert [code] == [found.code for found in diagnostics]
