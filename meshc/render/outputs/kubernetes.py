"""Kubernetes: the wg-quick file as a Secret, a Deployment of one pod that runs it, and, where the
node is called from outside, a Service for its port."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from meshc.render.outputs.container import IMAGE, kernel_settings, start_command
from meshc.render.outputs.tunnel import OutputFile, OutputRefusedError, Tunnel
from meshc.secret import SecretText

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")


def kubernetes(tunnel: Tunnel) -> Iterator[OutputFile]:
    """JSON documents, which YAML reads. Raises: OutputRefusedError for names that it forbids."""
    name = f"{tunnel.interface}-{tunnel.node.name}"
    if not _LABEL.match(name):
        raise OutputRefusedError(
            f"{name} is no name for Kubernetes, which wants lower-case letters, digits and `-`",
            "rename the node or the interface",
        )
    documents = [_secret(tunnel, name), _deployment(tunnel, name)]
    if tunnel.node.spec.endpoints and tunnel.node.listen_port is not None:
        documents.append(_service(tunnel, name, tunnel.node.listen_port))
    yield OutputFile(
        "manifest.yaml",
        SecretText(
            "---\n".join(json.dumps(one, indent=2, ensure_ascii=False) + "\n" for one in documents)
        ),
        "kubectl apply -f manifest.yaml; it holds the keys of the node",
        secret=True,
    )


def _secret(tunnel: Tunnel, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": "Opaque",
        "stringData": {f"{tunnel.interface}.conf": tunnel.conf.reveal()},
    }


def _deployment(tunnel: Tunnel, name: str) -> dict[str, Any]:
    """One pod at a time: two with one key would take each other's sessions."""
    labels = {"app": name}
    settings = [f"{key}={value}" for key, value in kernel_settings(tunnel).items()]
    prepare = {
        "name": "settings",
        "image": IMAGE,
        "command": ["sysctl", "-w", *settings],
        "securityContext": {"privileged": True},
    }
    port = tunnel.node.listen_port
    ports = [{"containerPort": port, "protocol": "UDP"}] if port is not None else []
    container = {
        "name": "tunnel",
        "image": IMAGE,
        "command": ["/bin/bash", "-ec", start_command(tunnel.interface)],
        "securityContext": {"capabilities": {"add": ["NET_ADMIN"]}},
        "volumeMounts": [{"name": "conf", "mountPath": "/etc/wireguard", "readOnly": True}],
        "ports": ports,
    }
    pod = {
        "initContainers": [prepare] if settings else [],
        "containers": [container],
        "volumes": [{"name": "conf", "secret": {"secretName": name, "defaultMode": 0o400}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def _service(tunnel: Tunnel, name: str, port: int) -> dict[str, Any]:
    """Under the port that the others call."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {
            "type": "LoadBalancer",
            "externalTrafficPolicy": "Local",
            "selector": {"app": name},
            "ports": [
                {
                    "protocol": "UDP",
                    "port": tunnel.node.spec.endpoints[0].port,
                    "targetPort": port,
                }
            ],
        },
    }
