"""What a node said about itself, as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshc.errors import ConfError
from meshc.values import dataclass, field
from meshc.wg.conf import Conf, parse


@dataclass(frozen=True, slots=True)
class Place:
    """A directory for new files, or the nearest one above it that exists. `free` is in bytes."""

    path: str = "/etc/wireguard"
    writable: bool = True
    free: int = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The interface as it runs. `manner` is how it was brought up: `wg-quick@`, `meshc@` (units),
    `wg-quick`, `meshc`. `peers` maps public keys to sorted AllowedIPs."""

    up: bool = False
    manner: str = ""
    public_key: str = ""
    peers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMeshc:
    """meshc in environments of its own: where they are, the Python that would run them (binary
    interface, libc and its version, whether it can make environments with pip), the versions that
    are there, and the one that the interface uses."""

    place: Place = Place("/opt")
    soabi: str = ""
    libc: tuple[str, str] = ("", "")
    pip: bool = False
    there: frozenset[str] = frozenset()
    used: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One node at one moment. Hashes are hex SHA-256 and empty where there is no file; in `conf`
    and `deployed` every secret key is a keyed hash. `pending` is the seconds after which an
    unfinished deployment is put back, None when there is none. `enabled` are the manners of the
    units that a boot starts.
    """

    python: tuple[int, ...] = (3, 11, 0)
    uid: int = 0
    tools: frozenset[str] = frozenset()
    paths: Mapping[str, str] = field(default_factory=dict)
    systemd: bool = False
    kernel: bool = False
    target: Place = Place()
    state: Place = Place("/var/lib/meshc/deploy")
    sha: str = ""
    conf: str | None = None
    node_sha: str = ""
    deployed_sha: str = ""
    deployed: str | None = None
    deployed_env: Mapping[str, str] | None = None
    pending: int | None = None
    abandoned: bool = False
    running: Running = Running()
    meshc: OwnMeshc = OwnMeshc()
    enabled: frozenset[str] = frozenset()


def parse_facts(answer: Mapping[str, Any]) -> Facts:
    """The answer to the verb `facts`."""
    running = answer["running"]
    pending = answer["pending"]
    paths = {name: path for name, path in answer["tools"].items() if path}
    own = answer["environment"]
    return Facts(
        python=tuple(answer["python"]),
        uid=answer["uid"],
        tools=frozenset(paths),
        paths=paths,
        systemd=answer["systemd"],
        kernel=answer["kernel"],
        target=Place(**answer["target"]),
        state=Place(**answer["state"]),
        sha=answer["sha"],
        conf=answer["conf"],
        node_sha=answer["node_sha"],
        deployed_sha=answer["deployed_sha"],
        deployed=answer["deployed"],
        deployed_env=answer["deployed_env"],
        pending=pending["seconds"] if pending else None,
        abandoned=bool(pending and not pending["watched"]),
        running=Running(
            up=running["up"],
            manner=running["manner"],
            public_key=running["public_key"],
            peers={key: tuple(peer["allowed"]) for key, peer in running["peers"].items()},
        ),
        meshc=OwnMeshc(
            place=Place(**own["place"]),
            soabi=own["soabi"],
            libc=(own["libc"][0], own["libc"][1]),
            pip=own["pip"],
            there=frozenset(own["there"]),
            used=own["used"],
        ),
        enabled=frozenset(answer["enabled"]),
    )


def readable(text: str | None) -> Conf | None:
    """A file of the node as values; None when there is none or wg-quick would refuse it."""
    if text is None:
        return None
    try:
        return parse(text)
    except ConfError:
        return None
