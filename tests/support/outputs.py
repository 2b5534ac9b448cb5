"""A build with outputs, in which faults are planted."""

from __future__ import annotations

import re
from pathlib import Path

from meshc.build.pipeline import compile_file
from meshc.build.verification import open_verification
from meshc.diagnostics import Diagnostics
from meshc.secret import SecretText
from meshc.topology.proof import Expectation, NodeFile, ReadOutput
from meshc.topology.proof.output_findings import judged_outputs

TOPOLOGY = """\
meshc: 1
network: {name: field, addresses: [10.44.0.0/24, "fd44::/64"], domain: field.dev}
nodes:
  hub:
    role: relay
    endpoint: 9.9.9.9
    exit_node: true
    outputs: [networkd, compose, kubernetes, nixos, cloud-init, cloud-init-with-keys, ansible]
  laptop:
    exit: hub
    dns: [10.44.0.1]
    deploy: {host: laptop.field.dev, user: admin, port: 2222, become: true}
    outputs: [networkd, networkmanager, compose, kubernetes, nixos, cloud-init, ansible]
  desk: {outputs: [networkmanager, networkd, nixos, cloud-init-with-keys]}
"""


class BuiltOutputs:
    """What the proof reads of a build: `files` by the names of nodes."""

    def __init__(self, place: Path, topology: str = TOPOLOGY) -> None:
        (place / "mesh.yaml").write_text(topology)
        compile_file(place / "mesh.yaml")
        opened = open_verification(place / "mesh.yaml")
        self.build = place / "build"
        self.files: dict[str, NodeFile] = {file.name: file for file in opened.files()}
        self.expectation: Expectation = opened.expectation
        self.outputs = {name: opened.outputs_of(name) for name in self.files}

    def findings(self, node: str, outputs: tuple[ReadOutput, ...]) -> list[tuple[str, str]]:
        """(code, message) of what is said about the node with these files."""
        found = Diagnostics()
        file = self.files[node]._replace(outputs=outputs)
        assert list(judged_outputs([file], self.expectation, found)) == [file]
        return [(one.code, one.message) for one in found]

    def planted(self, node: str, file: str, pattern: str, instead: str) -> list[str]:
        """What is said of a file when `pattern` of its text has been replaced; the messages that
        the others of the output have as well are left out."""
        kept = []
        for one in self.outputs[node]:
            if f"{one.output}/{one.name}" == file:
                text, count = re.subn(pattern, instead, one.text.reveal(), count=1)
                assert count, f"{pattern} is not in {file}"
                one = one._replace(text=SecretText(text))
            kept.append(one)
        return [f"{code} {message}" for code, message in self.findings(node, tuple(kept))]

    def without(self, node: str, file: str) -> list[str]:
        kept = tuple(o for o in self.outputs[node] if f"{o.output}/{o.name}" != file)
        assert len(kept) < len(self.outputs[node])
        return [f"{code} {message}" for code, message in self.findings(node, kept)]
