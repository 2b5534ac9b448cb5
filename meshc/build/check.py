"""Everything that can be said about a topology file without making anything.

The whole way of a build, in memory: language, graph, addresses, plan, files, proof.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from meshc.build.acceptance import settled
from meshc.build.stages import SourceFiles, Stages
from meshc.build.topology_file import files_beside, today
from meshc.build.worker import InlineWorker
from meshc.build.workspace import Workspace
from meshc.diagnostics import Diagnostic, Diagnostics, Location
from meshc.errors import Refused
from meshc.render.report import Case
from meshc.topology.language.load import load_spec
from meshc.topology.language.read.includes import Opener, no_files
from meshc.topology.language.read.source_text import MAX_BYTES
from meshc.topology.language.spec import Spec, TestSpec
from meshc.topology.planner.addressing.lock import Lock
from meshc.topology.planner.addressing.lock_text import parse_lock
from meshc.topology.planner.analysis import Analysis
from meshc.values import dataclass

# these end the reading of a file: nothing in it could be checked
_UNUSABLE = frozenset({"E100", "E101", "E102", "E104", "E105", "E109"})
# above this many peer sections the proof takes longer than a reflex; `meshc verify` does it
PROOF_LIMIT = 4_000


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found in one file. `spec` is None when the language has errors; `proven` tells
    whether the proof was part of it; `cases` are the entries of `tests:` that hold."""

    file: str
    spec: Spec | None
    findings: tuple[Diagnostic, ...]
    cases: tuple[Case, ...] = ()
    proven: bool = False

    @property
    def unusable(self) -> bool:
        """Whether the file could not even be read."""
        return any(found.code in _UNUSABLE for found in self.findings)


def check_file(name: str, *, proof: bool | None = None) -> Checked:
    """Checks one file with the lock beside it, or standard input for `-`.

    What cannot be opened is a finding. `proof` None means: when it is quick.
    """
    diagnostics = Diagnostics()
    data = _read(name, diagnostics)
    if data is None:
        return Checked(name, None, tuple(diagnostics))
    if name == "-":
        here = files_beside(Path())
        return check_text(data, file="<stdin>", proof=proof, opened=here)
    lock_file = Workspace(Path(name)).lock_file
    lock: Lock | None = Lock()
    if lock_file != Path(name) and lock_file.is_file():
        content = _read(str(lock_file), diagnostics) or b""
        lock = parse_lock(content.decode("utf-8", "replace"), str(lock_file), diagnostics)
    beside = files_beside(Path(name).parent)
    checked = check_text(data, file=name, lock=lock or Lock(), proof=proof, opened=beside)
    diagnostics.extend(checked.findings)
    return Checked(name, checked.spec, tuple(diagnostics), checked.cases, checked.proven)


def check_text(
    text: str | bytes,
    *,
    file: str,
    lock: Lock | None = None,
    proof: bool | None = None,
    opened: Opener = no_files,
) -> Checked:
    """Checks a topology that is at hand; `file` is its name in messages, and `opened` gives what it
    includes."""
    diagnostics = Diagnostics()
    spec = load_spec(text, file=file, diagnostics=diagnostics, opened=opened, today=today())
    if spec is None:
        return Checked(file, None, tuple(diagnostics))
    return check_spec(spec, lock or Lock(), diagnostics, proof=proof)


def check_spec(
    spec: Spec, lock: Lock, diagnostics: Diagnostics, *, proof: bool | None = None
) -> Checked:
    """Checks a topology that has been read, with what was found then."""
    source = SourceFiles(spec, lock)
    stages = Stages(InlineWorker(spec))
    proven = False
    try:
        analysis = stages.analyse(source)
        if proof or (proof is None and 2 * analysis.graph.link_count() <= PROOF_LIMIT):
            _prove(stages, source, analysis)
            proven = True
    except Refused as refused:
        diagnostics.extend(refused.diagnostics)
    diagnostics.extend(stages.diagnostics)
    cases = tuple(_cases(spec, diagnostics)) if proven else ()
    found = settled(diagnostics, spec, whole=proven)
    return Checked(spec.file, spec, tuple(found), cases, proven)


def _prove(stages: Stages, source: SourceFiles, analysis: Analysis) -> None:
    """The whole way in memory, with keys that protect nothing. Raises: Refused, by the plan."""
    from meshc.keystore.ring import made_up  # cryptography takes longer than all of the rest

    ring = made_up(source.spec, source.lock)
    plan = stages.plan(source, analysis, ring)
    stages.prove(analysis, stages.rehearse(plan, ring))


def _cases(spec: Spec, diagnostics: Diagnostics) -> Iterator[Case]:
    """The entries of `tests:` about which nothing was found."""
    faulty = {found.location for found in diagnostics if found.path.startswith("tests")}
    for number, test in enumerate(spec.tests, 1):
        if test.location not in faulty:
            yield Case(f"test {number}: {_sentence(test)}", spec.file)


def _sentence(test: TestSpec) -> str:
    ends = f"{_some(test.sources)} -> {_some(test.targets)}"
    return f"{ends} {test.expect.value}"


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _read(name: str, diagnostics: Diagnostics) -> bytes | None:
    """At most one byte more than the language allows, so that /dev/zero ends too."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(name).open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        inside = isinstance(error, IsADirectoryError)
        diagnostics.add(
            "E109",
            f"the file cannot be read: {error.strerror or type(error).__name__}",
            Location(name, 1, 1),
            hint=f"name the file in it, such as {Path(name) / 'mesh.yaml'}."
            if inside
            else "`meshc init FILE` writes a starter file.",
        )
    return None
