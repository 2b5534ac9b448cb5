"""The module for NixOS."""

from __future__ import annotations

import pytest

from meshc.render.outputs.nixos import nixos
from meshc.render.outputs.tunnel import OutputRefusedError
from tests.support.tunnels import tunnel


def test_the_file_stays_outside_of_the_store() -> None:
    """A path without quotes would be copied into it, for everybody to read."""
    file, flake = nixos(tunnel("hub"))
    assert 'configFile = "/etc/wireguard/wg0.conf";' in file.text.reveal()
    assert "PrivateKey" not in file.text.reveal()
    assert not file.secret
    assert './. + "/wg0.nix"' in flake.text.reveal()


def test_settings_follow_from_what_the_node_is() -> None:
    (hub, _), (user, _) = nixos(tunnel("hub")), nixos(tunnel("laptop"))
    assert "allowedUDPPorts = [ 51820 ];" in hub.text.reveal()
    assert "iptables" in hub.text.reveal()
    assert 'checkReversePath = "loose";' in user.text.reveal()
    assert "allowedUDPPorts" not in user.text.reveal()


def test_a_name_that_is_code_is_refused() -> None:
    with pytest.raises(OutputRefusedError):
        list(nixos(tunnel("hub", interface="${x}")))
