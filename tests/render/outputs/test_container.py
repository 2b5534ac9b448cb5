"""What a container must be given."""

from __future__ import annotations

import pytest

from meshc.render.outputs.container import kernel_settings, start_command
from meshc.render.outputs.tunnel import OutputRefusedError
from tests.support.tunnels import tunnel


def test_settings_follow_from_what_the_node_is() -> None:
    six = {"net.ipv6.conf.all.disable_ipv6": "0", "net.ipv6.conf.default.disable_ipv6": "0"}
    assert kernel_settings(tunnel("desk")) == six
    assert kernel_settings(tunnel("laptop")) == {"net.ipv4.conf.all.src_valid_mark": "1", **six}
    assert kernel_settings(tunnel("hub")) == {
        "net.ipv4.ip_forward": "1",
        "net.ipv6.conf.all.forwarding": "1",
        **six,
    }


def test_a_key_of_the_host_is_not_inside() -> None:
    for keys in ({"private_key_file": "/k"}, {"private_key_command": "pass"}):
        with pytest.raises(OutputRefusedError, match="not inside of a container"):
            kernel_settings(tunnel("desk", **keys))


def test_it_goes_down_when_it_is_told_to_stop() -> None:
    assert "trap 'wg-quick down wg7; exit 0' TERM" in start_command("wg7")
