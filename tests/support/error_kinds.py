"""What earns a diagnostic beside a topology alone: one function for each directory below
`tests/errors/`, which does for real what its cases describe and returns the findings.

A case is a YAML file. `files` are written first (the topology is `mesh.yaml`), the keys of nodes
are made from their names, and `changes` are made by hand where the kind says so. Where a case says
KEY(name) or PUBLIC(name), it means that node's private or public key.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml
from click.testing import CliRunner

from meshc.build.check import check_file
from meshc.build.pipeline import compare_file, compile_file
from meshc.build.verification import open_verification
from meshc.cli.qr import qr
from meshc.deploy.machine_facts import MachineFacts
from meshc.deploy.plan.survey import survey
from meshc.deploy.plan.target import targets
from meshc.deploy.protocol import Facts
from meshc.deploy.protocol_json import plain, value
from meshc.diagnostics import Diagnostic, Diagnostics
from meshc.errors import Refused
from meshc.keystore.key_files import KeyFiles
from meshc.lab.fit import check_fit
from meshc.lab.world.layout_options import LayoutOptions
from meshc.render.node_secrets import Secrets
from meshc.render.report.text import format_findings
from meshc.render.wgquick import render
from meshc.topology.importer import infer
from meshc.topology.language.load import load_spec
from meshc.topology.language.spec import Platform, Spec
from meshc.topology.planner.addressing.listen_ports import FIRST_PORT, LAST_PORT, allocate_ports
from meshc.topology.planner.addressing.lock import Lock
from meshc.wg.conf import parse
from tests.support.fakenode import FACTS, LOST, FakeNodes
from tests.support.wire import private_key

MESH = Path("mesh.yaml")
Case = Mapping[str, Any]
Findings = Iterable[Diagnostic]


def _refused(case: Case) -> Findings:
    """`meshc build` of the files; with `built`, once before the changes as well, by somebody who
    has the `identity`."""
    with patch.dict(os.environ, {"MESHC_IDENTITY": case.get("identity", "")}):
        if case.get("built"):
            compile_file(MESH)
        _change(case)
        try:
            return compile_file(MESH).findings
        except Refused as refused:
            return refused.diagnostics


def _verified(case: Case) -> Findings:
    """`meshc verify` of a build in which somebody has changed something."""
    compile_file(MESH)
    _change(case)
    return open_verification(MESH).prove().findings


def _checked(case: Case) -> Findings:
    """`meshc validate` of a file by its name."""
    return check_file(case["name"]).findings


def _rendered(case: Case) -> Findings:
    """A plan that the language would not let through, on its way into a file."""
    result = compile_file(MESH)
    node = result.plan.nodes[case["node"]]
    hooks = tuple(case.get("post_up", node.spec.post_up))
    platform = Platform(case.get("platform", "linux"))
    key_file = case.get("private_key_file")
    spec = replace(node.spec, post_up=hooks, platform=platform, private_key_file=key_file)
    try:
        render(result.plan, replace(node, spec=spec), Secrets({}, None))
    except Refused as refused:
        return refused.diagnostics
    return ()


def _crowded(case: Case) -> Findings:
    """The ports of a site in which a copy of the node `like` takes each port."""
    spec = _spec()
    node = spec.nodes[case["like"]]
    crowd = {
        f"{node.name}{port}": replace(node, name=f"{node.name}{port}", listen_port=port)
        for port in range(FIRST_PORT, LAST_PORT + 1)
    }
    found = Diagnostics()
    allocate_ports(replace(spec, nodes=dict(spec.nodes) | crowd), Lock(), found)
    return found


def _imported(case: Case) -> Findings:
    """`meshc import` of the files."""
    found = Diagnostics()
    infer([parse(Path(name).read_text(), file=name) for name in case["files"]], found)
    return found


def _played(case: Case) -> Findings:
    """`meshc lab` with these options."""
    found = Diagnostics()
    options = LayoutOptions(carrier=frozenset(case.get("double_nat", ())))
    check_fit(_spec(), options, case.get("nat", ()), found)
    return found


def _deployed(case: Case) -> Findings:
    """`meshc deploy` to a node that answers with these facts."""
    compile_file(MESH)
    (target,) = targets(compare_file(MESH), [case["node"]])
    told = dict(case.get("facts", {}))
    if "machine" in told:
        told["machine"] = {**plain(MachineFacts()), **told["machine"]}
    facts = value(Facts, {**plain(FACTS), **told}, "the case")
    answers: dict[tuple[str, str], Any] = {(target.name, "facts"): facts}
    if case.get("unreachable"):
        answers[target.name, "dial"] = LOST
    (surveyed,) = asyncio.run(survey([target], FakeNodes(answers), lambda *_: None))
    # how much room is needed grows with the program that is sent: its length is no one's promise
    return [
        replace(
            one, message=re.sub(r"[\d,]+ are needed", "as many as it takes are needed", one.message)
        )
        for one in surveyed.findings
    ]


def _spec() -> Spec:
    found = Diagnostics()
    spec = load_spec(MESH.read_text(), file=str(MESH), diagnostics=found)
    assert spec is not None, list(found)
    return spec


KINDS: dict[str, Callable[[Case], Findings]] = {
    "build": _refused,
    "crowd": _crowded,
    "deploy": _deployed,
    "import": _imported,
    "lab": _played,
    "render": _rendered,
    "validate": _checked,
    "verify": _verified,
}


def said(path: Path) -> str:
    """What is printed about a case: the findings with the code in its name. Works in the current
    directory, which is the test's own."""
    case = yaml.safe_load(_with_keys(path.read_text(encoding="utf-8")))
    for name, text in case.get("files", {}).items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    _make_keys(case)
    if path.parent.name == "qr":
        compile_file(MESH)
        return CliRunner().invoke(qr, ["mesh.yaml", case["node"]]).output
    code = path.stem.partition("-")[0]
    findings = KINDS[path.parent.name](case)
    return format_findings(found for found in findings if found.code == code)


def _make_keys(case: Case) -> None:
    document = yaml.safe_load(case.get("files", {}).get("mesh.yaml", "null"))
    if document is not None and case.get("keys", True):
        nodes = document["nodes"].items()
        elsewhere = {"public_key", "private_key_file"}
        own = [name for name, node in nodes if not elsewhere & (node or {}).keys()]
        store = KeyFiles(Path("keys"), document["network"]["name"])
        store.create({name: private_key(name) for name in own})


def _with_keys(text: str) -> str:
    text = re.sub(r"\bKEY\((\w+)\)", lambda found: private_key(found[1]).reveal(), text)
    return re.sub(r"\bPUBLIC\((\w+)\)", lambda found: private_key(found[1]).public_key(), text)


def _change(case: Case) -> None:
    """Each change: `file`, and a `pattern` with what stands there instead, or text to `append`, or
    the whole text to `write`, or `remove: true`, or a `mode`. A pattern that is not found is a
    mistake of the case."""
    for change in case["changes"]:
        file = Path(change["file"])
        if "pattern" in change:
            flags = re.MULTILINE | re.DOTALL
            text, count = re.subn(change["pattern"], change["with"], file.read_text(), flags=flags)
            assert count, f"{file} holds no {change['pattern']}:\n{file.read_text()}"
            file.write_text(text)
        if "append" in change:
            file.write_text(file.read_text() + change["append"])
        if "write" in change:
            file.write_text(change["write"])
        if "mode" in change:
            file.chmod(change["mode"])
        if change.get("remove"):
            file.unlink()
