from __future__ import annotations

import pytest

from meshc.diagnostics import Diagnostics
from meshc.lab.fit import check_fit
from meshc.lab.world.layout_options import LayoutOptions
from meshc.lab.world.places import Shape
from meshc.topology.language.spec import Nat
from tests.support.labs import a_spec, behind, home, relay

SPEC = a_spec(relay(), behind("a", Nat.SYMMETRIC, "home"), sites=(home(),))


@pytest.mark.parametrize(
    ("options", "nats", "code"),
    [
        pytest.param(LayoutOptions(), (), None, id="plain"),
        pytest.param(LayoutOptions(carrier=frozenset({"home"})), (), None, id="carrier"),
        pytest.param(LayoutOptions(carrier=frozenset({"relay"})), (), "E801", id="endpoint"),
        pytest.param(LayoutOptions(carrier=frozenset({"a"})), (), "E802", id="no-uplink"),
        pytest.param(LayoutOptions(shapes={"hoem": Shape()}), (), "E802", id="typo"),
        pytest.param(LayoutOptions(), ("hoem",), "E802", id="nat-typo"),
        pytest.param(LayoutOptions(), ("home", "a"), None, id="nat"),
    ],
)
def test_what_does_not_fit_is_said(
    options: LayoutOptions, nats: tuple[str, ...], code: str | None
) -> None:
    diagnostics = Diagnostics()
    check_fit(SPEC, options, nats, diagnostics)
    assert [found.code for found in diagnostics] == ([] if code is None else [code])
