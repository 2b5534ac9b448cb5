"""Lines of a wg-quick file, and those of its hooks that meshc wrote, as bash runs them."""

from __future__ import annotations

import re

from meshc.deploy.remote.base import run

_SETTING = re.compile(r"(?im)^\s*(\w+)\s*=\s*([^#\n]*?)\s*(?:#.*)?$")
_RULES = re.compile(r"(?m)^#(nft|iptables|ip6tables) (.*)$")
_SECTION = re.compile(r"(?m)^\s*\[")
_TAKES_BACK = re.compile(
    r"MESHC-(?:FWD|NAT|IN|OUT|POL|KILL|PORT)-%i\b|MESHC-S\[|\bmeshc-(?:kill-|hold-)?%i\b"
    r"|/run/meshc/forward[46]\b|^ip -[46] route del unreachable |^ip -6 rule del not fwmark "
)


def settings(conf: str, *keys: str) -> list[str]:
    """The values of these keys, key by key in their order."""
    wanted = [key.lower() for key in keys]
    found = [(key.lower(), value) for key, value in _SETTING.findall(conf)]
    return [value for key in wanted for name, value in found if name == key and value]


def sections(conf: str) -> list[str]:
    """The text of each section, the interface's first."""
    return _SECTION.split(conf)[1:]


def rule_comments(conf: str) -> dict[str, list[str]]:
    """The firewall rules that stand in comments, by the tool whose hook reads them."""
    found: dict[str, list[str]] = {}
    for tool, text in _RULES.findall(conf):
        found.setdefault(tool, []).append(text)
    return found


def run_hook(line: str, interface: str) -> None:
    """With the options of wg-quick(8); what fails is no concern of who puts something back."""
    shell = ["bash", "-O", "extglob", "-e", "-o", "pipefail", "-c"]
    run([*shell, line.replace("%i", interface)], check=False)


def take_back(conf: str, interface: str) -> None:
    """Runs what takes our chains, counts and routes away, which does no harm a second time: a hook
    that failed ends wg-quick before it comes to these lines."""
    for line in taken_back(conf):
        run_hook(line, interface)


def taken_back(conf: str) -> list[str]:
    """Those lines."""
    return [line for line in settings(conf, "PostDown") if _TAKES_BACK.search(line)]
