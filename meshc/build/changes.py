"""What a build changed, and what that asks of the people who run the nodes.

Computed from the emitted files alone, the old ones and the new ones parsed back: equal files are
an equal network, and `==` is the diff.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from enum import Enum

from meshc.keys import PublicKey
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Platform
from meshc.values import dataclass
from meshc.wg.conf import Conf, PeerConf


class ChangeKind(Enum):
    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class RequiredAction(Enum):
    """What must happen on a node for a change to take effect, from least to most."""

    NOTHING = "nothing"
    SYNC = "wg syncconf"
    RELOAD = "meshc reload"
    RESTART = "restart"
    RESCAN = "scan again"
    IMPORT = "import again"
    INSTALL = "install"
    RETIRE = "take down"


# wg syncconf(8) sets these on a running interface; the rest of a file is wg-quick's
_SYNCED = ("private_key", "listen_port", "fwmark")
_RESTARTED = ("addresses", "mtu", "dns", "search", "table")
_HOOKS = ("pre_up", "post_up", "pre_down", "post_down", "rules")
# what rules are replaced with, in one transaction, while the tunnel goes on
_RELOADED = (*_SYNCED, "rules")
# the hook that counts the rules in the comments of its own file
_COUNT = re.compile(r"(?<=\)\" = )\d+(?= \])")
_PHONES = frozenset({Platform.IOS, Platform.ANDROID})
_APPS = frozenset({Platform.MACOS, Platform.WINDOWS, Platform.OPENWRT, Platform.ROUTEROS})


@dataclass(frozen=True, slots=True)
class ConfChange:
    """How one wg-quick file differs from another: peers by name, settings by their key here.
    `peers_renamed` says `old → new`, which changes nothing on the wire.

    `routes` is true when the set of prefixes that go into the tunnel changed. `routes_added` and
    `routes_removed` say how, where that can be told `ip route` beside `wg syncconf`; they are empty
    where it cannot: default routes need rules and a mark, and a `Table` may be anybody's.
    """

    peers_added: tuple[str, ...] = ()
    peers_removed: tuple[str, ...] = ()
    peers_changed: tuple[str, ...] = ()
    peers_renamed: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    routes: bool = False
    routes_added: tuple[Prefix, ...] = ()
    routes_removed: tuple[Prefix, ...] = ()


UNTOLD = ConfChange(settings=("all_that_a_build_that_was_killed_wrote",))
"""What was there before is gone: it may be anything."""


@dataclass(frozen=True, slots=True)
class NodeChange:
    """What changed for one node. `files` are paths in the build directory."""

    node: str
    kind: ChangeKind
    action: RequiredAction
    files: tuple[str, ...]
    conf: ConfChange = ConfChange()


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """All changes of a build, sorted by node; `files` are those of no node (hosts)."""

    nodes: tuple[NodeChange, ...] = ()
    files: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.nodes or self.files)

    @property
    def touched(self) -> tuple[NodeChange, ...]:
        """The nodes on which somebody has to do something."""
        return tuple(change for change in self.nodes if change.action is not RequiredAction.NOTHING)


def compare(old: Conf, new: Conf) -> ConfChange:
    """How `new` differs from `old`. Peers are matched by their key, which is who they are to
    WireGuard; of those that are left, by name: such a one has a new key."""
    was, now = _by_key(old.peers), _by_key(new.peers)
    kept = was.keys() & now.keys()
    before = {_title(peer) for key, peer in was.items() if key not in kept}
    after = {_title(peer) for key, peer in now.items() if key not in kept}
    changed = {_title(now[key]) for key in kept if _content(was[key]) != _content(now[key])}
    names = ((was[key].name, now[key].name) for key in kept)
    added, removed = _route_changes(old, new)
    return ConfChange(
        peers_added=tuple(sorted(after - before)),
        peers_removed=tuple(sorted(before - after)),
        peers_changed=tuple(sorted(changed | (before & after))),
        peers_renamed=tuple(sorted(f"{a} → {b}" for a, b in names if a and b and a != b)),
        settings=tuple(
            key
            for key in (*_SYNCED, *_RESTARTED, *_HOOKS)
            if _setting(old, key) != _setting(new, key)
        ),
        routes=_routes(old) != _routes(new),
        routes_added=added,
        routes_removed=removed,
    )


def action_of(change: ConfChange, platform: Platform) -> RequiredAction:
    """The least that brings a running node from the old file to the new one."""
    if replace(change, peers_renamed=()) == ConfChange():
        return RequiredAction.NOTHING
    if platform in _PHONES:
        return RequiredAction.RESCAN
    if platform in _APPS:
        return RequiredAction.IMPORT
    told = change.routes_added or change.routes_removed
    others = {*change.settings}.difference(_SYNCED)
    if (change.routes and not told) or others.difference(_RELOADED):
        return RequiredAction.RESTART
    return RequiredAction.RELOAD if others else RequiredAction.SYNC


def node_change(
    node: str,
    platform: Platform,
    files: Iterable[tuple[str, ChangeKind]],
    conf: ConfChange | None,
) -> NodeChange:
    """Joins the changed files of one node. `conf` is None when its wg-quick file did not exist
    before or does not any more."""
    listed = sorted(files)
    kinds = {kind for _, kind in listed}
    paths = tuple(path for path, _ in listed)
    if conf is not None:
        return NodeChange(node, ChangeKind.CHANGED, action_of(conf, platform), paths, conf)
    if kinds == {ChangeKind.REMOVED}:
        return NodeChange(node, ChangeKind.REMOVED, RequiredAction.RETIRE, paths)
    if kinds == {ChangeKind.ADDED}:
        return NodeChange(node, ChangeKind.ADDED, RequiredAction.INSTALL, paths)
    # an interface of another name, or encrypted from now on: the old file goes, a new one comes
    ends = (".conf", ".conf.age")
    renamed = any(kind is ChangeKind.ADDED and path.endswith(ends) for path, kind in listed)
    return NodeChange(
        node,
        ChangeKind.CHANGED,
        RequiredAction.INSTALL if renamed else RequiredAction.NOTHING,
        paths,
    )


def _setting(conf: Conf, key: str) -> object:
    """A hook that counts rules says nothing that these do not say."""
    value = getattr(conf, key)
    return tuple(_COUNT.sub("N", line) for line in value) if key == "pre_up" else value


def _by_key(peers: Iterable[PeerConf]) -> dict[PublicKey, PeerConf]:
    return {peer.public_key: peer for peer in peers}


def _title(peer: PeerConf) -> str:
    return peer.name or peer.public_key


def _content(peer: PeerConf) -> PeerConf:
    """Without what has no meaning on the wire: name, line, and the order of AllowedIPs."""
    return peer._replace(name="", line=0, allowed_ips=tuple(sorted(peer.allowed_ips)))


def _route_changes(old: Conf, new: Conf) -> tuple[tuple[Prefix, ...], tuple[Prefix, ...]]:
    """What is to be added and removed by `ip route`; nothing where that is not enough."""
    before, after = _routes(old), _routes(new)
    by_hand = old.table is not None or new.table is not None
    if by_hand or any(prefix.length == 0 for prefix in before ^ after):
        return (), ()
    return tuple(sorted(after - before)), tuple(sorted(before - after))


def _routes(conf: Conf) -> set[Prefix]:
    return {prefix for peer in conf.peers for prefix in peer.allowed_ips}
