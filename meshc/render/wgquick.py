"""wg-quick(8) files: the interface section, and one section per peer.

A full mesh of a thousand nodes has a million peer sections, of which only the pre-shared key
differs from file to file. So a section is rendered once per distinct peer, cut at
the place of that key, and put together for each file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from operator import itemgetter
from typing import NamedTuple, cast

from meshc.diagnostics import Diagnostic
from meshc.errors import Refused
from meshc.keys import LinkKeys, PrivateKey
from meshc.prefixes import Prefix
from meshc.render.escape import ini, shell
from meshc.render.firewall.hook_lines import Hooks
from meshc.render.firewall.ipv6_hold import ipv6_hold_hooks
from meshc.render.firewall.kill_switch import kill_switch_hooks
from meshc.render.firewall.loading import firewall_hooks
from meshc.render.firewall.open_port import open_port_hooks
from meshc.render.name_servers import name_servers
from meshc.render.node_secrets import Secrets
from meshc.render.paired_keys import PairedKeys
from meshc.topology.language.spec import FirewallTool, NetworkSpec, Platform
from meshc.topology.planner.mesh_plan import MeshPlan, NodePlan, PeerPlan

HOOK_PLATFORMS = frozenset({Platform.LINUX})
# The apps read the format of wg-quick(8) but refuse the keys that they do not know.
APPS = frozenset({Platform.MACOS, Platform.WINDOWS, Platform.IOS, Platform.ANDROID})
_CUT = "PRESHARED-KEY-GOES-HERE"
# For `meshc status` alone, which must tell a phone in a pocket from a server that is gone.
_MAY_SLEEP = "# AlwaysOn = false\n"
_HEAD, _TAIL, _PEER, _KEY = map(itemgetter, range(4))
_WIDEST = 1000


class _Section(NamedTuple):
    """One [Peer] section, cut where its pre-shared key goes; `tail` is None without one."""

    head: bytes
    tail: bytes | None
    peer: str
    key: bytes


class WgQuickRenderer:
    """Renders the nodes of one plan; keeps what they have in common.

    A link's pre-shared key is derived for the first of its two nodes and waits for the other.
    """

    def __init__(self, plan: MeshPlan, secrets: Secrets) -> None:
        self._plan = plan
        self._network = plan.spec.network
        self._secrets = secrets
        links = LinkKeys(secrets.network, plan.epoch) if secrets.network else None
        self._links = PairedKeys(links) if links else None
        # by identity, which costs nothing to hash: the plan shares equal peers and outlives us
        self._sections: dict[int, _Section] = {}
        self._cut = False
        self._keep: list[PeerPlan] = []
        self._given = secrets.given_keys(plan.spec)

    def render(self, node: NodePlan, generated: Hooks | None = None) -> bytes:
        """The node's file; `generated` are its `generated_hooks`, where they are known. Raises:
        Refused for a value that has no place in one."""
        known = list(map(self._sections.get, map(id, node.peers)))
        if None in known:
            known = [self._section(peer) for peer in node.peers]
        sections = cast(list[_Section], known)
        interface = self._checked_interface(node, generated).encode()
        # else the line of the key would be written without a key
        assert self._links is not None or not self._cut, "the plan has pre-shared keys"
        if self._links is None or not self._cut:
            return b"".join((interface, *map(_HEAD, sections)))
        return b"".join((interface, *self._with_keys(node, sections, self._links)))

    def _with_keys(
        self, node: NodePlan, sections: list[_Section], links: PairedKeys
    ) -> list[bytes]:
        """The parts of the file behind [Interface], pre-shared keys between them."""
        cut = sections
        if None in map(_TAIL, sections):
            cut = [section for section in sections if section.tail is not None]
        names = [*map(_PEER, cut)]
        keys = links.of(node.name, node.public_key.encode(), names, [*map(_KEY, cut)])
        for name, given in self._given.get(node.name, {}).items():
            if name in names:
                keys[names.index(name)] = given.reveal().encode()
        if len(cut) < len(sections):
            left = iter(keys)
            parts = (
                (s.head, b"" if s.tail is None else next(left), s.tail or b"") for s in sections
            )
            return [*chain.from_iterable(parts)]
        return [*chain.from_iterable(zip(map(_HEAD, cut), keys, map(_TAIL, cut), strict=True))]

    def _checked_interface(self, node: NodePlan, generated: Hooks | None) -> str:
        """A value that does not fit is told with its node."""
        try:
            return self._interface(node, generated)
        except Refused as refused:
            raise Refused(
                replace(
                    found,
                    message=f"{node.name}: {found.message}",
                    location=found.location or node.spec.at(),
                    path=found.path or f"nodes.{node.name}",
                )
                for found in refused.diagnostics
            ) from None

    def _interface(self, node: NodePlan, generated: Hooks | None) -> str:
        spec, app = node.spec, node.spec.platform in APPS
        hooks = all_hooks(node, self._network.pools, generated)
        return "".join(
            (
                "[Interface]\n",
                _line("# Name", full_name(node.name, self._network)),
                _line("Address", ", ".join(map(str, node.addresses))),
                _maybe("ListenPort", node.listen_port),
                _maybe("PrivateKey", _reveal(self._secrets.private_keys.get(node.name))),
                _maybe("DNS", ", ".join(name_servers(self._plan, node)) or None),
                _maybe("Table", None if app else spec.table),
                _maybe("FwMark", None if app else spec.kill_mark or node.hold_mark or spec.fwmark),
                _line("MTU", node.mtu),
                *(_line("PreUp", hook) for hook in hooks.pre_up),
                *(_line("PostUp", hook) for hook in hooks.post_up),
                *(_line("PreDown", hook) for hook in hooks.pre_down),
                *(_line("PostDown", hook) for hook in hooks.post_down),
                "".join([f"{comment}\n" for comment in hooks.comments]),
            )
        )

    def _section(self, peer: PeerPlan) -> _Section:
        known = self._sections.get(id(peer))
        if known is not None:
            return known
        text = "".join(
            (
                "\n[Peer]\n",
                _line("# Name", full_name(peer.name, self._network)),
                _MAY_SLEEP if peer.maybe or not self._plan.spec.nodes[peer.name].always_on else "",
                _line("PublicKey", peer.public_key),
                _maybe("PresharedKey", _CUT if peer.preshared else None),
                *(_line("AllowedIPs", part) for part in _parts(peer.allowed_ips)),
                _maybe("Endpoint", peer.endpoint),
                _maybe("PersistentKeepalive", peer.keepalive or None),
            )
        )
        head, cut, tail = text.encode().partition(_CUT.encode())
        self._cut = self._cut or bool(cut)
        section = _Section(head, tail if cut else None, peer.name, peer.public_key.encode())
        self._sections[id(peer)] = section
        self._keep.append(peer)
        return section


def _line(key: str, value: object) -> str:
    """Raises: Refused for a value that has no place in a line."""
    return f"{key} = {ini(value)}\n"


def _maybe(key: str, value: object) -> str:
    return "" if value is None else _line(key, value)


def _parts(prefixes: tuple[Prefix, ...]) -> Iterator[str]:
    """All of them, in as many lines as that takes: wg(8) puts them together again, and wg-quick(8)
    needs the square of a line's length."""
    text = ", ".join(map(str, prefixes))
    while len(text) > _WIDEST:
        at = text.rindex(", ", 0, _WIDEST)
        yield text[:at]
        text = text[at + 2 :]
    if text:
        yield text


def render(plan: MeshPlan, node: NodePlan, secrets: Secrets) -> str:
    """The wg-quick file of one node. Raises: Refused for a value that has no place in one."""
    return WgQuickRenderer(plan, secrets).render(node).decode()


def all_hooks(node: NodePlan, pools: tuple[Prefix, ...], generated: Hooks | None = None) -> Hooks:
    """Ours before the user's, up and down: a line of theirs that fails then finds our chains in
    place, and leaves nothing of ours behind.

    Platforms without hooks get none; on OpenWrt a script fetches the private key. Raises: Refused
    when another needs one for that.
    """
    spec = node.spec
    own = private_key_hooks(node)
    if spec.platform not in HOOK_PLATFORMS:
        if own and spec.platform is not Platform.OPENWRT:
            raise Refused([_needs_hooks(node)])
        return Hooks()
    generated = generated or generated_hooks(node, pools)
    return Hooks(
        pre_up=generated.pre_up + spec.pre_up,
        post_up=own + generated.post_up + spec.post_up,
        pre_down=spec.pre_down + generated.pre_down,
        post_down=generated.post_down + spec.post_down,
        comments=generated.comments,
    )


def generated_hooks(node: NodePlan, pools: tuple[Prefix, ...]) -> Hooks:
    """Ours alone, none on platforms without hooks. The kill switch closes last and opens last."""
    if node.spec.platform not in HOOK_PLATFORMS:
        return Hooks()
    parts = [firewall_hooks(node.firewall, node.spec.firewall)]
    nft = node.spec.firewall is FirewallTool.NFTABLES
    if node.spec.open_port and node.listen_port is not None:
        parts.append(open_port_hooks(node.listen_port, nft=nft))
    if node.hold_mark is not None:
        parts.append(ipv6_hold_hooks(node.hold_mark))
    mark = node.spec.kill_mark
    if mark is not None:
        named = any(p.endpoint is not None and p.endpoint.family is None for p in node.peers)
        parts.append(kill_switch_hooks(mark, pools, named=named, nft=nft))
    return Hooks(
        pre_up=tuple(line for part in parts for line in part.pre_up),
        post_up=tuple(line for part in parts for line in part.post_up),
        post_down=tuple(line for part in parts for line in part.post_down),
        comments=tuple(chain.from_iterable(part.comments for part in parts)),
    )


def full_name(node: str, network: NetworkSpec) -> str:
    """`laptop`, or `laptop.example-vpn.dev` when the network has a domain."""
    return f"{node}.{network.domain}" if network.domain else node


def private_key_hooks(node: NodePlan) -> tuple[str, ...]:
    """The first of the PostUp lines: wg(8) reads a private key from a file only, so that it never
    stands in a process list."""
    spec = node.spec
    if spec.private_key_file is not None:
        return (f"wg set %i private-key {shell(spec.private_key_file)}",)
    if spec.private_key_command is not None:
        return (f"{spec.private_key_command} | wg set %i private-key /dev/stdin",)
    return ()


def _needs_hooks(node: NodePlan) -> Diagnostic:
    key = "private_key_file" if node.spec.private_key_file else "private_key_command"
    return Diagnostic(
        "E511",
        f"{key} needs a PostUp line, and {node.spec.platform.value} has no hooks",
        node.spec.at(key),
        path=f"nodes.{node.name}.{key}",
        hint="give its public_key only, and put the PrivateKey line into the file on the device",
    )


def _reveal(key: PrivateKey | None) -> str | None:
    return None if key is None else key.reveal()
