"""The values that a deploy is asked and answered in."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import pytest

from meshc.deploy import protocol
from meshc.deploy.protocol import (
    REQUESTS,
    UNITS,
    Activation,
    Call,
    Directories,
    Routes,
    StageCandidate,
    Supervisor,
)

VALUES = [
    one
    for one in vars(protocol).values()
    if is_dataclass(one) and isinstance(one, type) and one.__module__ == protocol.__name__
]


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_every_value_is_frozen(kind: type) -> None:
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]


def test_every_request_has_a_name() -> None:
    found = {one for one in VALUES if issubclass(one, protocol.Request)}
    assert found == set(REQUESTS.values())
    assert len(found) == len(REQUESTS) > 5


def test_the_file_of_a_node_does_not_show() -> None:
    secret = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
    request = StageCandidate(
        token="0123456789abcdef",
        window=60,
        grace=0,
        way={},
        way_before={},
        sha="",
        activation=Activation.FILE,
        supervisor=Supervisor.WG_QUICK,
        env={},
        routes=Routes(),
        environment="",
        mark=None,
        conf=f"[Interface]\nPrivateKey = {secret}\n",
        node_json="{}",
        program="",
    )
    call = Call("wg0", Directories(), request)
    assert secret not in f"{request} {request!r} {call}"
    assert {one.name for one in fields(request) if not one.repr} == {"conf", "program"}


def test_a_supervisor_is_a_unit_or_a_program() -> None:
    assert [one for one in Supervisor if one.unit] == list(UNITS)
    assert {one.value for one in UNITS} == {"wg-quick@", "meshc@"}
    assert {one.value for one in Supervisor if one.live} == {"meshc", "meshc@"}
