"""Can a node be what the file says it is: relay, exit, router, somebody else's peer?"""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.topology.language.read.document import Document
from meshc.topology.language.read.parsed_file import Path
from meshc.topology.language.spec import NodeSpec, Platform, Spec
from meshc.topology.language.wording import listing, quote

APPS_WITHOUT_FORWARDING = frozenset({Platform.IOS, Platform.ANDROID})
APPS_WITHOUT_HOOKS = APPS_WITHOUT_FORWARDING | {Platform.MACOS, Platform.WINDOWS}
_HOOKS = ("pre_up", "post_up", "pre_down", "post_down")
_LOCAL = (*_HOOKS, "outputs", "mtu", "dns", "table", "fwmark", "deploy", "private_key_file",
          "private_key_command")  # fmt: skip


def check_roles(spec: Spec, document: Document, diagnostics: Diagnostics) -> None:
    """W145, W146, W147, E148, W149: roles and settings against what the node is."""
    for name, node in spec.nodes.items():
        damaged = ("nodes", name) in document.damaged
        if not damaged and not node.endpoints and node.lan_endpoint is None:
            _unreachable(document, diagnostics, node)
        if node.managed and node.platform in APPS_WITHOUT_HOOKS:
            _platform(document, diagnostics, node)
        if node.managed and node.platform in APPS_WITHOUT_HOOKS | {Platform.ROUTEROS}:
            _own_key(document, diagnostics, node)
        _without_effect(document, diagnostics, node)


def _unreachable(document: Document, diagnostics: Diagnostics, node: NodeSpec) -> None:
    hint = "add `endpoint: host`, or `lan_endpoint` if it serves its own site."
    if node.is_relay:
        document.report(
            diagnostics,
            "W145",
            f"relay {quote(node.name)} has no endpoint: nodes behind a NAT cannot reach it",
            ("nodes", node.name),
            hint,
            key=True,
        )
    if node.exit_node:
        document.report(
            diagnostics,
            "W146",
            f"exit node {quote(node.name)} has no endpoint: nodes behind a NAT cannot reach it",
            ("nodes", node.name),
            hint,
            key=True,
        )


def _platform(document: Document, diagnostics: Diagnostics, node: NodeSpec) -> None:
    parts = [("role", "a relay", node.is_relay), ("exit_node", "an exit node", node.exit_node)]
    parts.append(("routes", "the router of a LAN", bool(node.routes)))
    forwards = [(key, what) for key, what, is_so in parts if is_so]
    if not forwards:
        return
    code = "E148" if node.platform in APPS_WITHOUT_FORWARDING else "W149"
    consequence = "cannot forward" if code == "E148" else "is not told to forward by a file"
    hint = (
        "give this part to a Linux node."
        if code == "E148"
        else "turn IP forwarding on in the system, once."
    )
    for key, what in forwards:
        document.report(
            diagnostics,
            code,
            f"{quote(node.name)} is {what}, but a node on {node.platform.value} {consequence}",
            _own(document, node, key),
            hint,
        )


def _own_key(document: Document, diagnostics: Diagnostics, node: NodeSpec) -> None:
    for key in ("private_key_file", "private_key_command"):
        if getattr(node, key) is not None:
            document.report(
                diagnostics,
                "E148",
                f"{quote(node.name)} is on {node.platform.value}, where nothing runs commands, "
                f"so `{key}` cannot be read",
                _own(document, node, key),
                "make the key in the app, and write its `public_key` here.",
            )


def _without_effect(document: Document, diagnostics: Diagnostics, node: NodeSpec) -> None:
    """Only what the node's own entry says: `defaults:` may well be for other nodes."""
    own = document.nodes[node.name]

    def report(key: str, why: str, hint: str) -> None:
        path: Path = ("nodes", node.name, key)
        document.report(diagnostics, "W147", f"`{key}` of {quote(node.name)} has no effect: {why}",
                        path, hint, key=True)  # fmt: skip

    if not node.managed:
        for key in _LOCAL:
            if key in own:
                report(key, "nothing is written for a node with `managed: false`", "remove it.")
        return
    if node.platform in APPS_WITHOUT_HOOKS | {Platform.OPENWRT, Platform.ROUTEROS}:
        for key in _HOOKS:
            if key in own:
                report(key, f"WireGuard on {node.platform.value} runs no commands", "remove it.")
    if node.platform is not Platform.LINUX and "outputs" in own:
        report("outputs", "its files are for programs of Linux", "remove it.")
    if node.platform is Platform.ROUTEROS and "dns" in own:
        report("dns", "the script leaves the router's own resolver alone", "remove it.")
    if node.platform in APPS_WITHOUT_FORWARDING:
        for key in ("table", "fwmark", "deploy"):
            if key in own:
                report(key, f"there is no such thing on {node.platform.value}", "remove it.")
    if "masquerade" in own and not node.routes and ("nodes", node.name) not in document.damaged:
        report("masquerade", "the node has no `routes`", "add `routes`, or remove it.")


def _own(document: Document, node: NodeSpec, key: str) -> Path:
    """The key in the node's entry, or the entry when a group or default gives it."""
    own = key in document.nodes[node.name]
    return ("nodes", node.name, key) if own else ("nodes", node.name)


def check_usage(spec: Spec, document: Document, diagnostics: Diagnostics) -> None:
    """I151 for sites and groups without nodes, W159 for no nodes at all, W160 for host names."""
    table = document.source.data.get("nodes", 0)
    if not document.nodes and (table is None or table == {}):
        document.report(
            diagnostics,
            "W159",
            "the network has no nodes",
            ("nodes",),
            "add one: `laptop:` is enough.",
            key=True,
        )
        return
    used = {node.site for node in spec.nodes.values()}
    for name in sorted(spec.sites.keys() - used):
        document.report(diagnostics, "I151", f"no node is in site {quote(name)}", ("sites", name),
                        "add `site:` to its nodes, or remove it.", key=True)  # fmt: skip
    for name, members in spec.groups.items():
        if not members and not document.groups[name].get("members"):
            document.report(
                diagnostics,
                "I151",
                f"group {quote(name)} has no members",
                ("groups", name),
                "add `members:`, or remove it.",
                key=True,
            )
    if spec.network.domain is not None:
        wrong = [name for name in spec.nodes if "_" in name]
        if wrong:
            document.report(
                diagnostics,
                "W160",
                f"not usable as host names: {listing([quote(name) for name in wrong])}",
                ("nodes", wrong[0]),
                "write `-` instead of `_`.",
                key=True,
            )
