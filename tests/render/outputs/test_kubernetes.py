"""The manifest for Kubernetes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from meshc.render.outputs.kubernetes import kubernetes
from meshc.render.outputs.tunnel import OutputRefusedError, Tunnel
from tests.support.tunnels import tunnel


def documents(of: Tunnel) -> dict[str, Any]:
    (file,) = kubernetes(of)
    assert file.secret
    return {one["kind"]: one for one in yaml.safe_load_all(file.text.reveal())}


def test_a_relay_is_a_secret_a_pod_and_a_service() -> None:
    hub = tunnel("hub")
    found = documents(hub)
    assert set(found) == {"Secret", "Deployment", "Service"}
    assert found["Secret"]["stringData"] == {"wg0.conf": hub.conf.reveal()}
    assert found["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}


def test_who_is_not_called_has_no_service() -> None:
    assert set(documents(tunnel("desk"))) == {"Secret", "Deployment"}


def test_a_name_that_kubernetes_refuses_is_refused_here() -> None:
    with pytest.raises(OutputRefusedError, match="no name for Kubernetes"):
        documents(tunnel("desk", interface="WG0"))
