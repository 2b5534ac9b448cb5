"""The file for docker compose."""

from __future__ import annotations

import yaml

from meshc.render.outputs.compose import compose
from tests.support.tunnels import tunnel


def test_a_relay_publishes_its_port_and_a_client_none() -> None:
    (file,) = compose(tunnel("hub"))
    assert not file.secret
    service = yaml.safe_load(file.text.reveal())["services"]["wg0"]
    assert service["ports"] == ["51820:51820/udp"]
    assert service["cap_add"] == ["NET_ADMIN"]
    (file,) = compose(tunnel("desk"))
    assert "ports" not in yaml.safe_load(file.text.reveal())["services"]["wg0"]


def test_no_key_is_in_it() -> None:
    (file,) = compose(tunnel("laptop"))
    key = tunnel("laptop").private_key
    assert key is not None
    assert key.reveal() not in file.text.reveal()
    assert "../wg0.conf:/etc/wireguard/wg0.conf:ro" in file.text.reveal()
