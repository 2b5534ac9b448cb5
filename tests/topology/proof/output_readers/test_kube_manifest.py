"""The manifest for Kubernetes as the proof reads it, with one planted fault each."""

from __future__ import annotations

import pytest

from tests.support.outputs import BuiltOutputs

OTHER_KEY = "6LEQ/jz6xODHJhx+RpJ0mSFAnNr7AK+AefSqzrKVf0w="
FILE = "kubernetes/manifest.yaml"
FAULTS = {
    "another key": (r"PrivateKey = [^\\]+", f"PrivateKey = {OTHER_KEY}", "another private key"),
    "another PSK": (r"PresharedKey = [^\\]+", f"PresharedKey = {OTHER_KEY}",
        "have another pre-shared key for desk"),
    "no file": ('"wg0.conf":', '"wg1.conf":', "lack the private key"),
    "another Secret": ('"secretName": "wg0-hub"', '"secretName": "wg0-lab"',
        "have wg0-lab for Deployment.spec.template.spec.volumes.0.secret.secretName"),
    "open to everybody": ('"defaultMode": 256', '"defaultMode": 420',
        "have 420 for Deployment.spec.template.spec.volumes.0.secret.defaultMode, not 256"),
    "two pods with one key": ('"replicas": 1', '"replicas": 2', "have 2 for Deployment.spec.repl"),
    "two for a while": ('"Recreate"', '"RollingUpdate"', "have RollingUpdate for Deployment"),
    "another place": ('"mountPath": "/etc/wireguard"', '"mountPath": "/etc/wg"', "mountPath"),
    "no capability": ("NET_ADMIN", "NET_RAW", "capabilities.add.0, not NET_ADMIN"),
    "no forwarding": ('"net.ipv4.ip_forward=1"', '"net.ipv4.ip_forward=0"',
        "have net.ipv4.ip_forward=0 for Deployment.spec.template.spec.initContainers.0.command.2"),
    "TCP": ('"protocol": "UDP"', '"protocol": "TCP"', "ports.0.protocol, not UDP"),
    "another port outside": ('"port": 51820', '"port": 51821', "have 51821 for Service.spec.ports"),
    "another port inside": ('"targetPort": 51820', '"targetPort": 51821', "ports.0.targetPort"),
    "another selector": ('"selector": {\n      "app": "wg0-hub"', '"selector": {\n      "app": "x"',
        "have x for Service.spec.selector.app"),
    "no Secret": ('"kind": "Secret"', '"kind": "ConfigMap"', "there is no Secret with the file"),
    "two of a kind": ('"kind": "Service"', '"kind": "Secret"', "there are two of Secret"),
    "no YAML": ('"v1"', '"v1', "it is no YAML that a program reads"),
}  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltOutputs:
    return BuiltOutputs(tmp_path_factory.mktemp("outputs"))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(built: BuiltOutputs, fault: str) -> None:
    pattern, instead, expected = FAULTS[fault]
    said = built.planted("hub", FILE, pattern, instead)
    assert any(expected in line for line in said if line.startswith("E456")), said
    assert all(OTHER_KEY not in line for line in said)


def test_who_is_not_called_has_no_service(built: BuiltOutputs) -> None:
    text = (built.build / "laptop" / FILE).read_text()
    assert '"Service"' not in text
    assert "src_valid_mark=1" in text


def test_what_nobody_knows_is_told(built: BuiltOutputs) -> None:
    said = built.planted("hub", FILE, '"replicas": 1', '"replicas": 1, "paused": true')
    assert said == ["W458 hub: nothing is claimed about manifest.yaml: Deployment.spec.paused"]
