from __future__ import annotations

import pytest

from meshc.lab.world.member import Member
from meshc.topology.language.spec import Nat
from tests.support.labs import relay

NODE = relay()
(ENDPOINT,) = NODE.endpoints[:1]


@pytest.mark.parametrize(
    ("nat", "listen_port", "bare", "opened"),
    [
        pytest.param(Nat.NONE, ENDPOINT.port, True, True, id="on the internet"),
        pytest.param(Nat.NONE, ENDPOINT.port + 1, False, True, id="another port is forwarded"),
        pytest.param(Nat.FULL_CONE, ENDPOINT.port, False, True, id="open NAT"),
        pytest.param(Nat.RESTRICTED, ENDPOINT.port, False, False, id="only answers come in"),
        pytest.param(Nat.SYMMETRIC, ENDPOINT.port, False, False, id="strict NAT"),
    ],
)
def test_who_needs_a_router_and_who_is_reached_by_anybody(
    nat: Nat, listen_port: int, bare: bool, opened: bool
) -> None:
    member = Member(NODE, nat, listen_port, ((ENDPOINT, "192.0.2.1"),))
    assert (member.bare, member.opened) == (bare, opened)
