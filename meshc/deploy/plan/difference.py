"""From facts to changes: what a deploy would do on one node, and what that costs."""

from __future__ import annotations

from enum import Enum

from meshc.build.changes import ConfChange, RequiredAction, action_of, compare
from meshc.deploy.machine_facts import Mending
from meshc.deploy.plan.cut_off import cut_off
from meshc.deploy.plan.supervisor_choice import HOME, SupervisorChoice, choose
from meshc.deploy.plan.target import Target
from meshc.deploy.protocol import Activation, Facts, Routes, Supervisor
from meshc.deploy.remote.base import redact
from meshc.errors import ConfError
from meshc.render.report.text import visible
from meshc.topology.language.spec import Platform
from meshc.values import dataclass, field
from meshc.wg.conf import Conf, parse

NO_ROUTES = Routes()
_MOST_LETTERS = 300


class Cost(Enum):
    """What a change costs the users of a node, from least to most."""

    NOTHING = "nothing to do"
    QUIET = "no session notices"
    PEERS = "peers only: sessions with the others go on"
    LIVE = "changed while it runs: sessions with unchanged peers go on"
    RENEWED = "another key: every session of this node begins anew"
    START = "starts: nothing runs there now"
    RESTART = "restart: every session of this node is cut for a moment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What happens on one node. Without an `activation` there is nothing to do, and without a
    `choice` nothing is known of the node; `drift` says what somebody else changed there since the
    last deploy. `cuts` are the nodes behind the tunnels (`Target.behind`) that this one does not
    talk to any more until their own files have changed as well. `wanted` is the file that it gets,
    redacted as that in its facts is."""

    node: str
    activation: Activation | None = None
    choice: SupervisorChoice | None = None
    cost: Cost = Cost.NOTHING
    changes: tuple[str, ...] = ()
    drift: tuple[str, ...] = ()
    rescan: tuple[str, ...] = ()
    adopt: bool = False
    steady: frozenset[str] = frozenset()
    cuts: frozenset[str] = frozenset()
    routes: Routes = NO_ROUTES
    wanted: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return self.activation is not None

    def describe(self) -> tuple[str, ...]:
        """Lines for people: what changes, then what it costs."""
        if not self:
            return (f"{self.node}: up to date",)
        told = [*self.changes, *(f"{name} must scan its code again" for name in self.rescan)]
        return (f"{self.node}: {self.cost.value}", *(f"  {line}" for line in told))


def difference(target: Target, facts: Facts, salt: str) -> Difference:
    """What brings a node from its facts to its target. `salt` is the one the facts were asked
    with, so that equal keys have equal hashes on both sides."""
    wanted = redact(target.conf.reveal(), salt)
    new = parse(wanted)
    old = readable(facts.conf)
    plan = target.plan
    choice = choose(plan.spec.deploy, facts, plan.interface, agent=plan.agent is not None)
    change = None if old is None else compare(old, new)
    activation, cost = _activation(target, facts, change, choice)
    return Difference(
        node=target.name,
        activation=activation,
        choice=choice,
        cost=cost,
        changes=_changes(target, facts, change, choice) if activation else (),
        rescan=_rescan(target, change),
        drift=_drift(target, facts),
        adopt=not activation and facts.deployed_sha != target.sha,
        steady=_steady(old, new),
        cuts=cut_off(target, old, new) if activation else frozenset(),
        routes=_routes(facts, change) if change and activation is Activation.SYNC else NO_ROUTES,
        wanted=wanted,
    )


def _activation(
    target: Target,
    facts: Facts,
    change: ConfChange | None,
    choice: SupervisorChoice,
) -> tuple[Activation | None, Cost]:
    running = facts.running
    if not running.up:
        return Activation.START, Cost.START
    if (
        running.supervisor is not choice.supervisor
        or change is None
        or _another_engine(facts, choice)
    ):
        return Activation.RESTART, Cost.RESTART
    if choice.meshc is not None and choice.meshc.changes:
        return Activation.RESTART, Cost.RESTART  # what runs goes on with the modules it has loaded
    wrong = _runs_otherwise(target, facts)
    mending = {one.mending for one in facts.running.drift}
    if facts.sha == target.sha and not wrong:
        stale = choice.supervisor.live and facts.node_json_sha == ""
        if stale or _at_boot(facts, choice):
            return Activation.FILE, Cost.QUIET
        return None, Cost.NOTHING
    action = action_of(change, Platform.LINUX)
    if action is RequiredAction.NOTHING and (not wrong or mending == {Mending.FILE}):
        return Activation.FILE, Cost.QUIET
    renewed = "private_key" in change.settings
    if choice.supervisor.live:
        return Activation.RELOAD, Cost.RENEWED if renewed else Cost.LIVE
    # wg-quick loads rules when it brings an interface up
    if action in (RequiredAction.RELOAD, RequiredAction.RESTART) or Mending.ALL in mending:
        return Activation.RESTART, Cost.RESTART
    return Activation.SYNC, Cost.RENEWED if renewed else Cost.PEERS


def _routes(facts: Facts, change: ConfChange) -> Routes:
    """What is to be added and removed beside `wg syncconf`."""
    removed = tuple(map(str, change.routes_removed))
    gone = (one.route for one in facts.running.drift if one.route not in ("", *removed))
    added = (*map(str, change.routes_added), *gone)
    return Routes(tuple(dict.fromkeys(added)), removed)


def _changes(
    target: Target,
    facts: Facts,
    change: ConfChange | None,
    choice: SupervisorChoice,
) -> tuple[str, ...]:
    lines = []
    running = facts.running
    if facts.sha == "":
        lines.append(f"new file {facts.conf_dir.path}/{target.plan.interface}.conf")
    elif change is None:
        lines.append("the file there cannot be read; it is replaced")
    elif facts.sha != target.sha:
        lines += _told(change) or ["comments and order of the file"]
    if change is not None:
        lines += _runs_otherwise(target, facts)
    if choice.meshc is not None:
        lines += choice.meshc.describe(HOME)
    if not running.up:
        lines.append(f"{target.plan.interface} comes up through {choice.supervisor.value}")
    elif running.supervisor is not choice.supervisor:
        lines.append(f"run by {choice.supervisor.value} instead of {_word(running.supervisor)}")
    elif _another_engine(facts, choice):
        lines.append("run by another engine")
    return (*lines, *_at_boot(facts, choice))


def _another_engine(facts: Facts, choice: SupervisorChoice) -> bool:
    """Whether it was deployed for another one; unknown where somebody else brought it up."""
    return facts.deployed_env is not None and dict(facts.deployed_env) != dict(choice.env)


def _at_boot(facts: Facts, choice: SupervisorChoice) -> list[str]:
    """What changes for the next boot. Without systemd the machine's own start script decides."""
    if not facts.systemd:
        return []
    wanted = {choice.supervisor} if choice.supervisor.unit else set()
    stale = facts.stale_unit and choice.supervisor is Supervisor.WG_QUICK_UNIT
    return [
        *(["looked after while it runs: another drop-in for its unit"] if stale else []),
        *("comes up again after a reboot" for _ in wanted - facts.enabled),
        *(
            f"a reboot does not start {name} any more"
            for name in sorted(one.value for one in facts.enabled - wanted)
        ),
    ]


def _rescan(target: Target, change: ConfChange | None) -> tuple[str, ...]:
    """The phones that must scan their code again: their own file is in nobody's hands but theirs,
    and when their keys or addresses change here they change there."""
    if change is None:
        return ()
    moved = {*change.peers_added, *change.peers_changed}
    if "private_key" in change.settings or "listen_port" in change.settings:
        moved = set(target.phones)
    return tuple(sorted(moved & target.phones))


def _told(change: ConfChange) -> list[str]:
    lines = [
        f"{word} {', '.join(names)}"
        for word, names in (
            ("peer +", change.peers_added),
            ("peer −", change.peers_removed),
            ("peer ~", change.peers_changed),
            ("renamed", change.peers_renamed),
        )
        if names
    ]
    if change.settings:
        lines.append("settings: " + ", ".join(key.replace("_", " ") for key in change.settings))
    if change.routes:
        lines.append("routes into the tunnel")
    return lines


def _runs_otherwise(target: Target, facts: Facts) -> list[str]:
    """How the running interface differs from its file."""
    running = facts.running
    if running.drift:
        return [visible(one.what[:_MOST_LETTERS]) for one in running.drift]
    if facts.sha != target.sha or not running.public_key:
        return []
    if running.public_key != target.plan.public_key:
        return ["the interface runs with another key than its file says"]
    wanted = {
        str(peer.public_key): tuple(sorted(map(str, peer.allowed_ips)))
        for peer in parse(target.conf.reveal()).peers
    }
    if wanted != {key: peer.allowed for key, peer in running.peers.items()}:
        return ["the peers that run are not those of the file"]
    return []


def _drift(target: Target, facts: Facts) -> tuple[str, ...]:
    """What was changed there by somebody else. The very file that we bring is no drift."""
    if not facts.sha or facts.sha in (facts.deployed_sha, target.sha):
        return ()
    if not facts.deployed_sha:
        return ("a file that meshc did not put there",)
    before, now = readable(facts.deployed), readable(facts.conf)
    if now is None:
        return ("the file there cannot be read any more",)
    told = _told(compare(before, now)) if before is not None else []
    return tuple(told or ["comments and order of the file"])


def readable(text: str | None) -> Conf | None:
    """A file of the node as values; None when there is none or wg-quick would refuse it."""
    if text is None:
        return None
    try:
        return parse(text)
    except ConfError:
        return None


def _word(supervisor: Supervisor | None) -> str:
    return supervisor.value if supervisor else "nobody known"


def _steady(old: Conf | None, new: Conf) -> frozenset[str]:
    """Peers whose session the change does not touch: the same keys on both sides."""
    if old is None or old.private_key != new.private_key:
        return frozenset()
    before = {peer.public_key: peer for peer in old.peers}
    return frozenset(
        str(peer.public_key)
        for peer in new.peers
        if peer.public_key in before and before[peer.public_key].preshared_key == peer.preshared_key
    )
