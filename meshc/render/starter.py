"""Commented topology files to start from: what `meshc init` writes."""

from __future__ import annotations

import re
from collections.abc import Callable

from meshc.values import dataclass

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._-]*\Z")
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})

HEAD = """\
# A WireGuard network for meshc. Next: `meshc build {file}`.
# `meshc schema` prints every key for your editor, `meshc validate` checks the file.
meshc: 1                              # version of the language

network:
  name: {name}
  # pools: every node gets one address of each
  addresses: [10.44.0.0/24{ipv6}]
  # domain: example.net               # node names in the hosts file get this domain
  # dns: [10.44.0.1]                  # name servers while the tunnel is up
"""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the questions of `meshc init` asked for. `inner` are nodes behind a NAT."""

    file: str = "mesh.yaml"
    name: str = "my-vpn"
    endpoint: str = "vpn.example.com"
    inner: tuple[str, ...] = ("laptop", "home-server")
    ipv6: str = "fd44::/64"


def starter(template: str, answers: Answers) -> str:
    """The text of a starter file. Raises: KeyError for an unknown template."""
    ipv6 = f', "{answers.ipv6}"' if answers.ipv6 else ""
    head = HEAD.format(file=answers.file, name=scalar(answers.name), ipv6=ipv6)
    return head + TEMPLATES[template][1](answers)


def scalar(text: str) -> str:
    """A text as YAML: plain where no reader could take it for something else."""
    if _PLAIN.match(text) and text.casefold() not in _WORDS:
        return text
    return '"' + "".join(_escaped(c) for c in text) + '"'


def _escaped(character: str) -> str:
    """One character of a double-quoted scalar (YAML 1.2.2 section 5.7)."""
    if character in '"\\':
        return "\\" + character
    return character if " " <= character <= "~" else f"\\U{ord(character):08x}"


def _relay(answers: Answers) -> str:
    return f"""
sites:                                # places behind one NAT
  home: {{nat: port_restricted}}

nodes:
  relay:                              # everybody can reach it, so it carries what has no
    role: relay                       # direct way
    endpoint: {scalar(answers.endpoint)}
{_inner(answers, "site: home")}  phone:
    platform: ios
    direct: relays                    # one tunnel saves battery

tests:                                # `meshc verify` proves these, and all other pairs
  - {{from: phone, to: {scalar(answers.inner[0])}, expect: reachable, via: relay}}
"""


def _exit(answers: Answers) -> str:
    return f"""
nodes:
  exit:                               # offers its way to the internet, IPv4 and IPv6
    role: relay
    endpoint: {scalar(answers.endpoint)}
    exit_node: true
{_inner(answers, "exit: exit")}
tests:                                # `meshc verify` proves these, and that nothing leaks
  - {{from: {scalar(answers.inner[0])}, to: 1.1.1.1, expect: reachable}}
"""


def _lans(answers: Answers) -> str:
    lines = [
        f"  {scalar(name)}: {{site: {scalar(name)}-lan, routes: [192.168.{number}.0/24]}}\n"
        for number, name in enumerate(answers.inner, 1)
    ]
    sites = [
        f"  {scalar(name)}-lan: {{nat: port_restricted, lan: [192.168.{number}.0/24]}}\n"
        for number, name in enumerate(answers.inner, 1)
    ]
    return f"""
sites:                                # each place has a LAN and a gateway to the network
{"".join(sites)}
nodes:
  relay:
    role: relay
    endpoint: {scalar(answers.endpoint)}
{"".join(lines)}"""


def _mesh(answers: Answers) -> str:
    return f"""
nodes:                                # public servers: every pair has a direct link
  server1: {{endpoint: {scalar(answers.endpoint)}}}
  server2: {{endpoint: server2.example.com}}
  server3: {{endpoint: "server3.example.com:443"}}   # listens on port 443
"""


def _site(answers: Answers) -> str:
    lines = [
        f"  {scalar(name)}: {{site: office, lan_endpoint: 192.168.1.{number}}}\n"
        for number, name in enumerate(answers.inner, 10)
    ]
    return f"""
sites:
  office: {{nat: port_restricted, lan: [192.168.1.0/24]}}

nodes:
  relay:
    role: relay
    endpoint: {scalar(answers.endpoint)}
  # nodes of one site reach each other on the LAN, without the relay
{"".join(lines)}"""


def _inner(answers: Answers, settings: str) -> str:
    return "".join(f"  {scalar(name)}: {{{settings}}}\n" for name in answers.inner)


TEMPLATES: dict[str, tuple[str, Callable[[Answers], str]]] = {
    "relay": ("one public relay, machines at home, a phone", _relay),
    "exit": ("browse the internet through a server", _exit),
    "lans": ("join the LANs of several places", _lans),
    "mesh": ("public servers, each linked with each", _mesh),
    "site": ("machines of one LAN talk directly, others by a relay", _site),
}
