"""The deploy protocol: what the controller asks of the program on a node, and what it answers.

Both ends import these types; `protocol_json` makes text of them and reads it again, strictly. The
node may have Python 3.8, and its Python evaluates the annotations, because reading goes by them:
that is why they are written with `typing`'s names.

A deployment follows the words of NETCONF (RFC 6241): a candidate is staged, commit-confirmed puts
it to work, confirm makes it stay, and without a confirm the node rolls back by itself.
"""

# ruff: noqa: UP006, UP035, UP045 (Python 3.8 cannot evaluate the newer spelling)
# ruff: noqa: RUF009 (a frozen value of another module is as good a default as one of this)

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Dict, FrozenSet, Generic, Mapping, Optional, Tuple, Type, TypeVar

from meshc.deploy.machine_facts import DirectoryFacts, Drift, MachineFacts, MachineQuestion


class Supervisor(Enum):
    """Who brings an interface up: a unit of systemd (with `@`), or a program."""

    WG_QUICK_UNIT = "wg-quick@"
    MESHC_UNIT = "meshc@"
    WG_QUICK = "wg-quick"
    MESHC = "meshc"

    @property
    def unit(self) -> bool:
        """Whether a unit of systemd runs it."""
        return self in UNITS

    @property
    def live(self) -> bool:
        """Whether every difference can be applied to the running interface."""
        return self in (Supervisor.MESHC_UNIT, Supervisor.MESHC)


UNITS = (Supervisor.WG_QUICK_UNIT, Supervisor.MESHC_UNIT)


class Activation(Enum):
    """What makes a new file take effect."""

    FILE = "file"  # nothing: what runs is as the file says already
    SYNC = "sync"  # `wg syncconf` and routes
    RELOAD = "reload"  # `meshc reload`
    START = "start"
    RESTART = "restart"


class State(Enum):
    """Where a deployment is; `remote.deployment_states` says what leads from one to another."""

    IDLE = "idle"
    CANDIDATE = "candidate"
    ARMED = "armed"
    COMMITTING = "committing"
    COMMIT_CONFIRMED = "commit-confirmed"
    CONFIRMED = "confirmed"
    ROLLING_BACK = "rolling-back"
    ROLLED_BACK = "rolled-back"


class FailureReason(Enum):
    """The kind of a failure, for programs."""

    FAILED = "failed"
    TOOL = "tool"
    SPACE = "space"
    READ_ONLY = "read-only"
    RIGHTS = "rights"
    BUSY = "busy"
    CHANGED = "changed"
    FOREIGN = "foreign"
    KEY = "key"
    PACKAGES = "packages"
    OVER = "over"
    PROTOCOL = "protocol"


@dataclass(frozen=True)
class Failure:
    """What the node answers instead."""

    message: str
    hint: str = ""
    reason: FailureReason = FailureReason.FAILED


@dataclass(frozen=True)
class RunningPeer:
    """A peer of the running interface: sorted AllowedIPs, and when its last handshake was, in
    seconds since 1970 (0: never)."""

    allowed: Tuple[str, ...] = ()
    handshake: int = 0


@dataclass(frozen=True)
class RunningInterface:
    """The interface as it runs; `peers` by public key, `drift` from the file that is there."""

    up: bool = False
    supervisor: Optional[Supervisor] = None
    public_key: str = ""
    port: int = 0
    peers: Mapping[str, RunningPeer] = field(default_factory=dict)
    drift: Tuple[Drift, ...] = ()


@dataclass(frozen=True)
class OwnMeshc:
    """meshc in environments of its own: where they are, the Python that would run them (binary
    interface, libc and its version, whether it can make environments with pip), the versions that
    are there, and the one that the interface uses."""

    place: DirectoryFacts = DirectoryFacts("/opt")
    soabi: str = ""
    libc: Tuple[str, str] = ("", "")
    pip: bool = False
    there: FrozenSet[str] = frozenset()
    used: str = ""


@dataclass(frozen=True)
class Pending:
    """An unfinished deployment: whether a watcher will roll it back, and in how many seconds."""

    watched: bool
    seconds: int


@dataclass(frozen=True)
class BuildMark:
    """Which build a file came from: a number that counts them, what tells it from others, and who
    deployed it."""

    serial: int
    build: str
    by: str


@dataclass(frozen=True)
class Facts:
    """One node at one moment. Hashes are hex SHA-256 and empty where there is no file; in `conf`
    and `deployed` every secret key is a keyed hash. `programs` are the paths of the tools that are
    there, `enabled` the units that a boot starts, `stale_unit` says that the one which runs would
    be written otherwise now; `failed` says why the last deployment was put
    back, where nobody was there to be told; `mark` is that of the build that was deployed last.
    """

    python: Tuple[int, int, int] = (3, 11, 0)
    uid: int = 0
    programs: Mapping[str, str] = field(default_factory=dict)
    systemd: bool = False
    kernel: bool = False
    conf_dir: DirectoryFacts = DirectoryFacts()
    state_dir: DirectoryFacts = DirectoryFacts("/var/lib/meshc/deploy")
    sha: str = ""
    conf: Optional[str] = None
    node_json_sha: str = ""
    deployed_sha: str = ""
    deployed: Optional[str] = None
    deployed_env: Optional[Mapping[str, str]] = None
    state: State = State.IDLE
    failed: str = ""
    mark: Optional[BuildMark] = None
    pending: Optional[Pending] = None
    running: RunningInterface = RunningInterface()
    meshc: OwnMeshc = OwnMeshc()
    enabled: FrozenSet[Supervisor] = frozenset()
    stale_unit: bool = False
    machine: Optional[MachineFacts] = None

    @property
    def tools(self) -> FrozenSet[str]:
        return frozenset(self.programs)


@dataclass(frozen=True)
class ReachedState:
    """The state that a deployment has reached. `kept` is where a file lies now that somebody else
    had written, and that is no longer in its place."""

    state: State
    kept: str = ""


@dataclass(frozen=True)
class Verified:
    """The interface under the new configuration: up, with the right key (`good`), whether one of
    the peers that lead to the operator answers (`way`: true where none has to), and who of those
    that answered before answers again."""

    good: bool
    up: bool
    way: bool
    public_key: str
    before: Tuple[str, ...]
    alive: Tuple[str, ...]


@dataclass(frozen=True)
class Reached:
    """Who answers through the tunnel, by public key."""

    alive: Tuple[str, ...]


@dataclass(frozen=True)
class Installed:
    """Whether a version of meshc had to be installed."""

    installed: bool


@dataclass(frozen=True)
class Versions:
    """The versions of meshc that are there."""

    there: Tuple[str, ...]


@dataclass(frozen=True)
class NodeKey:
    """The public half of a key that lives on the node, and whether it was made just now."""

    made: bool
    public_key: str


A = TypeVar("A")


class Request(Generic[A]):
    """Something to do; its parameter is the type of the answer."""


@dataclass(frozen=True)
class Routes:
    """Routes into the tunnel that `wg syncconf` would leave out, as text."""

    add: Tuple[str, ...] = ()
    remove: Tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.add or self.remove)


@dataclass(frozen=True)
class AskFacts(Request[Facts]):
    """What the controller decides by; changes nothing. `salt` is that of the keyed hashes; without
    a `question` nothing is said of the machine around the interface."""

    salt: str
    question: Optional[MachineQuestion] = None


@dataclass(frozen=True)
class InstallMeshc(Request[Installed]):
    """meshc itself, from the archive of `size` bytes that follows the request; where there is a
    lock file in `locked`, pip on the node fetches the rest."""

    identity: str
    locked: str
    size: int
    sha256: str


@dataclass(frozen=True)
class RemoveUnused(Request[Versions]):
    """Away with the versions of meshc that nobody uses."""


@dataclass(frozen=True)
class StageCandidate(Request[ReachedState]):
    """Lay the new files beside the old ones, and start the watcher that rolls back after `window`
    seconds. With a `way` it decides `grace` seconds later: by then the peers in it (public key to
    address in the tunnel) have kept the new configuration or put back the old one, where they were
    at `way_before`: the one stays under which one of them answers. `sha` is the hash of the file
    that the plan was made for, `environment` the version of meshc that the interface gets for
    itself (empty: none).
    """

    token: str
    window: float
    grace: float
    way: Mapping[str, str]
    way_before: Mapping[str, str]
    sha: str
    activation: Activation
    supervisor: Supervisor
    env: Mapping[str, str]
    routes: Routes
    environment: str
    mark: Optional[BuildMark]
    conf: str = field(repr=False)
    node_json: str
    program: str = field(repr=False)


@dataclass(frozen=True)
class CommitConfirmed(Request[ReachedState]):
    """Put the candidate to work, until it is confirmed or the window is over; with a `delay`, so
    many seconds from now, by the node alone."""

    token: str
    delay: float = 0.0


@dataclass(frozen=True)
class Verify(Request[Verified]):
    """Whether the interface runs with `public_key`, and who of `peers` (public key to address in
    the tunnel) answers, within `patience` seconds."""

    token: str
    public_key: str
    peers: Mapping[str, str]
    patience: float


@dataclass(frozen=True)
class Confirm(Request[ReachedState]):
    """The new configuration stays."""

    token: str


@dataclass(frozen=True)
class RollBack(Request[ReachedState]):
    """Now instead of at the deadline. Without a token: whichever deployment is unfinished."""

    token: Optional[str] = None


@dataclass(frozen=True)
class Adopt(Request[ReachedState]):
    """The file that is there, with this hash, is the deployed one."""

    sha: str
    mark: Optional[BuildMark] = None


@dataclass(frozen=True)
class MakeKey(Request[NodeKey]):
    """A private key at `path`, which is made when there is none."""

    path: str


@dataclass(frozen=True)
class Retire(Request[ReachedState]):
    """The node has left the network: the interface goes down, and its files away."""


@dataclass(frozen=True)
class AskPeers(Request[Reached]):
    """Which of these peers (public key to address in the tunnel) answer within `patience`
    seconds."""

    peers: Mapping[str, str]
    patience: float


REQUESTS: Dict[str, Type[Request[Any]]] = {
    "facts": AskFacts,
    "install": InstallMeshc,
    "remove-unused": RemoveUnused,
    "stage": StageCandidate,
    "commit-confirmed": CommitConfirmed,
    "verify": Verify,
    "confirm": Confirm,
    "roll-back": RollBack,
    "adopt": Adopt,
    "make-key": MakeKey,
    "peers": AskPeers,
    "retire": Retire,
}
"""Every request by its name on the wire."""


@dataclass(frozen=True)
class Directories:
    """Where things are on the node: configurations, the state of deployments, and environments
    with a meshc of their own."""

    conf: str = "/etc/wireguard"
    state: str = "/var/lib/meshc/deploy"
    environments: str = "/opt/meshc"


@dataclass(frozen=True)
class Call(Generic[A]):
    """One request about one interface of one node."""

    interface: str
    directories: Directories
    request: Request[A]
