"""The record of a deployment, as it lies on the disk of the node between two requests."""

# ruff: noqa: UP006, UP035, UP045 (Python 3.8 cannot evaluate the newer spelling)

import json
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Tuple

from meshc.deploy.protocol import Activation, BuildMark, FailureReason, Routes, State, Supervisor
from meshc.deploy.protocol_json import ProtocolError, parsed, plain, value
from meshc.deploy.remote.base import Refusal


@dataclass(frozen=True)
class Deployed:
    """The file that was confirmed last, by its hash, and the environment it was brought up with
    (None: somebody else brought it up), and which build it came from, where that is known."""

    sha: str
    env: Optional[Mapping[str, str]] = None
    mark: Optional[BuildMark] = None


@dataclass(frozen=True)
class StagedFiles:
    """Which places had a file (`old...` in `existed`) and which get a new one (`new...` in
    `staged`)."""

    existed: Tuple[str, ...] = ()
    staged: Tuple[str, ...] = ()


@dataclass(frozen=True)
class EnvironmentChange:
    """The versions of meshc in `home` that the interface uses after and before; empty: none."""

    home: str
    new: str
    old: str


@dataclass(frozen=True)
class Before:
    """By whom the interface ran before the deployment (None: it was down), and with which
    environment; `alive` are the peers that it talked to."""

    supervisor: Optional[Supervisor]
    env: Mapping[str, str]
    alive: Tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """What a deployment brings, and what it has to put back. `deadline` is on the clock of this
    `boot`, and so is `decide_at`, when the watcher ends it, by the peers in `way` where there are
    some. `commit_at` is when it puts an armed candidate to work. `committed_at` is in seconds since
    1970, 0 before it was put to work. `doubt_until` is 0 unless nobody in `way` has answered: until
    then the old configuration and this one are tried in turn, at `way_before` and at `way`, and
    who answers is believed after `steady` seconds: one that stands between may be in doubt too."""

    deadline: float
    decide_at: float
    way: Mapping[str, str]
    way_before: Mapping[str, str]
    boot: str
    activation: Activation
    supervisor: Supervisor
    env: Mapping[str, str]
    routes: Routes
    environment: EnvironmentChange
    sha: str
    mark: Optional[BuildMark]
    before: Before
    files: StagedFiles = StagedFiles()
    commit_at: float = 0.0
    committed_at: int = 0
    doubt_until: float = 0.0
    steady: float = 0.0


@dataclass(frozen=True)
class DeploymentRecord:
    """Everything that is known of the last deployment. There is a `candidate` while it is
    unfinished; `failed` says why it was put back, where nobody was there to be told. `kept` is
    where the file lies that a confirmed one has replaced, when somebody else had written it."""

    state: State = State.IDLE
    token: str = ""
    deployed: Optional[Deployed] = None
    candidate: Optional[Candidate] = None
    failed: str = ""
    kept: str = ""

    @property
    def staged(self) -> Candidate:
        """The candidate of an unfinished deployment."""
        assert self.candidate is not None, self.state
        return self.candidate


def encode(record: DeploymentRecord) -> bytes:
    return json.dumps(plain(record)).encode()


def decode(text: bytes, path: str) -> DeploymentRecord:
    """Raises: Refusal, where somebody else wrote it."""
    try:
        return value(DeploymentRecord, _of_today(parsed(text)), "it")
    except ProtocolError as error:
        raise Refusal(
            f"{path} is not a record of a deployment: {error}",
            "look at it; without it the node knows of no deployment",
            FailureReason.FOREIGN,
        ) from None


def _of_today(given: Any) -> Any:
    """What a meshc wrote that knew less: it meant what a value says that is left out today."""
    if isinstance(given, dict):
        given = {"failed": "", "kept": "", **given}
        candidate = given.get("candidate")
        if isinstance(candidate, dict):
            since: Dict[str, Any] = {
                "mark": None,
                "way": {},
                "way_before": {},
                "decide_at": candidate.get("deadline"),
                "commit_at": 0.0,
                "doubt_until": 0.0,
                "steady": 0.0,
            }
            given["candidate"] = {**since, **candidate}
        if isinstance(given.get("deployed"), dict):
            given["deployed"] = {"mark": None, **given["deployed"]}
    return given
