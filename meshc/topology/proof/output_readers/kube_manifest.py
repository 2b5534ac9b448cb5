"""The manifest for Kubernetes, read back: the Secret with the file, the pod, the Service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshc.topology.proof.output_readers.carried_conf import (
    CarriageReading,
    Carried,
    compared,
    documents,
    leaves,
    only,
)
from meshc.topology.proof.output_readers.output_reading import OutputError


def read_kube_manifest(files: Mapping[str, str], carried: Carried) -> CarriageReading:
    """Raises: OutputError."""
    file, text = only(files)
    found: dict[str, Any] = {}
    for one in documents(text, file):
        kind = str(one.get("kind"))
        if kind in found:
            raise OutputError(f"{file}: there are two of {kind}")
        found[kind] = one
    secret = found.get("Secret", {})
    metadata, data = secret.get("metadata"), secret.get("stringData")
    if not isinstance(metadata, dict) or not isinstance(data, dict):
        raise OutputError(f"{file}: there is no Secret with the file")
    name = str(metadata.get("name"))
    copy = str(data.pop(f"{carried.interface}.conf", ""))
    wanted = {
        **_head("Secret", "v1", name),
        "Secret.type": "Opaque",
        **_deployment(carried, name),
        **_service(carried, name),
    }
    faults = carried.differences(copy, file)
    return compared(wanted, dict(leaves(found)), faults)


def _head(kind: str, version: str, name: str) -> dict[str, str]:
    return {f"{kind}.apiVersion": version, f"{kind}.kind": kind, f"{kind}.metadata.name": name}


def _deployment(carried: Carried, name: str) -> dict[str, str]:
    """Two pods with one key would take each other's sessions: one, and never two for a while."""
    interface, port = carried.interface, carried.conf.listen_port
    spec = "Deployment.spec"
    pod = f"{spec}.template.spec"
    tunnel, prepare = f"{pod}.containers.0", f"{pod}.initContainers.0"
    wanted = {
        **_head("Deployment", "apps/v1", name),
        f"{spec}.replicas": "1",
        f"{spec}.strategy.type": "Recreate",
        f"{spec}.selector.matchLabels.app": name,
        f"{spec}.template.metadata.labels.app": name,
        f"{tunnel}.name": "*",
        f"{tunnel}.image": "*",
        f"{tunnel}.command.0": "/bin/bash",
        f"{tunnel}.command.1": "-ec",
        f"{tunnel}.command.2": f"wg-quick up {interface}; trap 'wg-quick down {interface}; "
        "exit 0' TERM INT; sleep infinity & wait",
        f"{tunnel}.securityContext.capabilities.add.0": "NET_ADMIN",
        f"{tunnel}.volumeMounts.0.name": "conf",
        f"{tunnel}.volumeMounts.0.mountPath": "/etc/wireguard",
        f"{tunnel}.volumeMounts.0.readOnly": "True",
        f"{pod}.volumes.0.name": "conf",
        f"{pod}.volumes.0.secret.secretName": name,
        f"{pod}.volumes.0.secret.defaultMode": str(0o400),
    }
    if port is not None:
        wanted[f"{tunnel}.ports.0.containerPort"] = str(port)
        wanted[f"{tunnel}.ports.0.protocol"] = "UDP"
    settings = [f"{key}={value}" for key, value in carried.settings().items()]
    if settings:
        words = ("sysctl", "-w", *settings)
        wanted |= {f"{prepare}.command.{number}": word for number, word in enumerate(words)}
        wanted |= {f"{prepare}.name": "*", f"{prepare}.image": "*"}
        wanted[f"{prepare}.securityContext.privileged"] = "True"
    return wanted


def _service(carried: Carried, name: str) -> dict[str, str]:
    """Where others call the node: at the port of its endpoint."""
    port, endpoints = carried.conf.listen_port, carried.facts.endpoints
    if port is None or not endpoints:
        return {}
    spec = "Service.spec"
    return {
        **_head("Service", "v1", name),
        f"{spec}.type": "LoadBalancer",
        f"{spec}.externalTrafficPolicy": "Local",
        f"{spec}.selector.app": name,
        f"{spec}.ports.0.protocol": "UDP",
        f"{spec}.ports.0.port": str(endpoints[0].port),
        f"{spec}.ports.0.targetPort": str(port),
    }
