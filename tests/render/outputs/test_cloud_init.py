"""User data for cloud-init."""

from __future__ import annotations

import yaml

from meshc.render.outputs.cloud_init import cloud_init, cloud_init_with_keys
from tests.support.tunnels import tunnel


def test_without_being_asked_no_secret_is_in_it() -> None:
    hub = tunnel("hub")
    (file,) = cloud_init(hub)
    assert hub.private_key is not None
    assert hub.private_key.reveal() not in file.text.reveal()
    assert not file.secret
    assert "no secret is in it" in file.purpose


def test_who_asks_gets_the_whole_file_and_is_told() -> None:
    hub = tunnel("hub")
    (file,) = cloud_init_with_keys(hub)
    (written,) = yaml.safe_load(file.text.reveal())["write_files"]
    assert written["content"] == hub.conf.reveal()
    assert written["permissions"] == "0600"
    assert file.secret
    assert "WITH ITS KEYS" in file.purpose


def test_what_is_installed_follows_from_what_the_node_is() -> None:
    def packages(name: str, **keys: object) -> list[str]:
        (file,) = cloud_init(tunnel(name, **keys))
        found: list[str] = yaml.safe_load(file.text.reveal())["packages"]
        return found

    assert packages("desk") == ["wireguard-tools"]
    assert packages("hub") == ["wireguard-tools", "iptables"]
    assert packages("laptop") == ["wireguard-tools", "openresolv"]
