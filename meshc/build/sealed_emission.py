"""The sealed emission: a build whose files with keys are encrypted, each to its own node.

Nothing is written in the clear: the proof gets the files from memory. What age writes differs each
time, so a file is kept as long as it is for the same content and the same recipient; `sealed.json`
knows that by keyed hashes, which tell nothing to who has not the secret of the network.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import replace

from meshc.build.changes import UNTOLD, ConfChange
from meshc.build.directory import BuildDirectory, Staged
from meshc.build.emission import Emission, Progress
from meshc.build.worker import EmittedFile
from meshc.errors import StateError
from meshc.keys import NetworkSecret
from meshc.keystore.age_sealing import AgeSealing
from meshc.keystore.ring import KeyRing
from meshc.render.artifact import Artifact
from meshc.secret import SecretBytes
from meshc.topology.planner.mesh_plan import MeshPlan
from meshc.values import dataclass, field

SUFFIX = ".age"
RECORD = "sealed.json"
_LABEL = b"meshc sealed file"
_MOST_NAMES = 12


def sealed_emission(
    plan: MeshPlan,
    ring: KeyRing,
    target: BuildDirectory,
    *,
    write: bool,
    progress: Progress | None = None,
) -> SealedEmission:
    """Raises: StateError for nodes that do not say whom their files are encrypted to."""
    managed = [node.spec for node in plan.nodes.values() if node.spec.managed]
    nobody = [spec.name for spec in managed if spec.recipient is None]
    if nobody:
        names = ", ".join(nobody[:_MOST_NAMES]) + (", …" if len(nobody) > _MOST_NAMES else "")
        raise StateError(
            f"the file does not say whom the files of these are encrypted to: {names}",
            hint=f"nodes: {{{nobody[0]}: {{recipient: …}}}}, an age1… of age-keygen or the line in "
            "/etc/ssh/ssh_host_ed25519_key.pub of the machine",
        )
    seals = {spec.name: AgeSealing([spec.recipient or ""], list) for spec in managed}
    return SealedEmission(
        plan, ring.secrets, target, write, progress, seals=seals, secret=ring.secret
    )


@dataclass(slots=True)
class SealedEmission(Emission):
    """`seals` by node; `secret` keys the hashes."""

    seals: Mapping[str, AgeSealing] = field(default_factory=dict)
    secret: NetworkSecret = field(default_factory=NetworkSecret.generate)
    _before: dict[str, str] = field(default_factory=dict)
    _now: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._before = _record(self.target)

    def _stage(self, artifact: Artifact) -> Staged:
        if not artifact.secret:
            return self.target.stage(artifact, write=self.write)
        seal, path = self.seals[artifact.node], artifact.path + SUFFIX
        content = artifact.content.reveal()
        mark = self._mark(seal, content)
        sealed = self.target.read_old(path) if self._before.get(path) == mark else None
        self._now[path] = mark
        whole = replace(
            artifact,
            path=path,
            content=SecretBytes(seal.seal(content) if sealed is None else sealed),
            mode=0o644,
            purpose=f"{artifact.purpose}; age -d -i IDENTITY opens it",
            secret=False,
        )
        return self.target.stage(whole, write=self.write)

    def _emitted(self, name: str, staged: Staged, content: SecretBytes) -> EmittedFile:
        return EmittedFile(name, staged.entry.path.removesuffix(SUFFIX), "", content)

    def _difference(self, path: str, content: bytes) -> ConfChange:
        return UNTOLD  # what was there before can be read by the node alone

    def _finish(self) -> None:
        text = json.dumps(dict(sorted(self._now.items())), indent=1) + "\n"
        artifact = Artifact(
            path=RECORD,
            content=SecretBytes(text.encode()),
            mode=0o644,
            node="",
            purpose="keyed hashes of what is encrypted, by which the next build knows it",
            secret=False,
        )
        self._note("", self.target.stage(artifact, write=self.write))

    def _mark(self, seal: AgeSealing, content: bytes) -> str:
        key = hmac.digest(self.secret.raw, _LABEL, "sha256")
        return hmac.digest(key, "".join(seal.recipients).encode() + b"\0" + content, "sha256").hex()


def _record(target: BuildDirectory) -> dict[str, str]:
    """What the build before encrypted; nothing where it is not a record."""
    if RECORD not in target.before.files:
        return {}
    try:
        whole = json.loads(target.read_old(RECORD) or b"{}")
        return {str(path): str(mark) for path, mark in whole.items()}
    except (ValueError, AttributeError):
        return {}
