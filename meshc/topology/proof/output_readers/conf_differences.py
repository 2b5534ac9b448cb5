"""What differs between a node's wg-quick file, which is walked, and another output of it.

Where nothing does, what was proven of the one holds of the other.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from meshc.keys import PublicKey
from meshc.prefixes import Prefix
from meshc.topology.proof.output_readers.output_reading import MAIN, OWN, OutputReading, table_name
from meshc.wg.conf import Conf, PeerConf

_DEFAULT_MARK = 51820  # wg-quick.bash, add_default
_KEY_HOOK = "wg set %i private-key "


def conf_differences(
    conf: Conf, reading: OutputReading, interface: str, names: dict[PublicKey, str]
) -> Iterator[str]:
    """In words that follow `NODE: FILES`; never with a secret. `names` are those of the peers."""
    there = reading.conf
    routes = wg_quick_routes(conf)
    own = {prefix.family for table, prefix in routes if table == OWN}
    if reading.interface != interface:
        yield f"make the interface {reading.interface or 'without a name'}, not {interface}"
    yield from _key(conf, reading)
    yield from _sets("address", map(str, conf.addresses), map(str, there.addresses))
    for what, wanted, found in (
        ("ListenPort", conf.listen_port, there.listen_port),
        ("MTU", conf.mtu, there.mtu),
        ("the mark", conf.fwmark or (_DEFAULT_MARK if own else None), _mark(reading, own)),
    ):
        if (wanted or None) != (found or None):
            yield f"have {found or 'nothing'} for {what}, not {wanted or 'nothing'}"
    yield from _sets("name server", conf.dns, there.dns)
    yield from _sets("search domain", conf.search, there.search)
    if conf.dns and not reading.exclusive:
        yield "leave names to other servers than those of the tunnel"
    yield from _peers(conf.peers, there.peers, names)
    yield from _sets("route", _shown(routes), _shown(reading.routes))
    yield from _hooks(conf, reading, interface)
    yield from _rules(conf.rules, there.rules)
    if 4 in own and not reading.valid_mark:
        yield "do not set src_valid_mark: a strict rp_filter drops what WireGuard receives"
    yield from reading.faults


def wg_quick_routes(conf: Conf) -> frozenset[tuple[str, Prefix]]:
    """wg-quick(8), `Table`: off, one table for all, or the main one but for default routes."""
    prefixes = {prefix for peer in conf.peers for prefix in peer.allowed_ips}
    if conf.table == "off":
        return frozenset()
    if conf.table is not None:
        return frozenset((table_name(conf.table), prefix) for prefix in prefixes)
    return frozenset((MAIN if prefix.length else OWN, prefix) for prefix in prefixes)


def _mark(reading: OutputReading, own: set[int]) -> int | None:
    """A program that chooses its table by itself chooses the mark as well."""
    chosen = any(table == OWN for table, _ in reading.routes)
    return reading.conf.fwmark or (_DEFAULT_MARK if own and chosen else None)


def _key(conf: Conf, reading: OutputReading) -> Iterator[str]:
    if conf.private_key is not None:
        if reading.conf.private_key is None:
            yield "lack the private key"
        elif reading.conf.private_key != conf.private_key:
            yield "have another private key"
        return
    if reading.conf.private_key is not None:
        yield "hold a private key, which is to stay on the node"
    wanted = key_file(conf)
    if wanted is not None and reading.key_file != wanted:
        yield f"read the private key from {reading.key_file or 'nowhere'}, not from {wanted}"


def key_file(conf: Conf) -> str | None:
    """Where a hook of the wg-quick file finds the private key."""
    for line in conf.post_up:
        if line.startswith(_KEY_HOOK):
            return shlex.split(line)[-1]
    return None


def _peers(
    wanted: Iterable[PeerConf], found: tuple[PeerConf, ...], names: dict[PublicKey, str]
) -> Iterator[str]:
    there = {peer.public_key: peer for peer in found}
    if len(there) < len(found):
        yield "list a peer twice"
    for peer in wanted:
        name = names.get(peer.public_key, "a peer")
        other = there.pop(peer.public_key, None)
        if other is None:
            yield f"lack the peer {name}"
            continue
        if other.preshared_key != peer.preshared_key:
            yield f"have another pre-shared key for {name}"
        if other.endpoint != peer.endpoint:
            there_is, wanted_is = (end or "no endpoint" for end in (other.endpoint, peer.endpoint))
            yield f"have {there_is} for {name}, not {wanted_is}"
        if (other.keepalive or 0) != (peer.keepalive or 0):
            yield f"keep {name} alive by {other.keepalive or 0} seconds, not {peer.keepalive or 0}"
        what = f"prefix of {name},"
        yield from _sets(what, map(str, peer.allowed_ips), map(str, other.allowed_ips))
    yield from (f"have {names.get(key, 'an unknown key')} as a peer beside" for key in there)


def _hooks(conf: Conf, reading: OutputReading, interface: str) -> Iterator[str]:
    for when in ("pre_up", "post_up", "pre_down", "post_down"):
        lines: tuple[str, ...] = getattr(conf, when)
        if reading.key_file:
            lines = tuple(line for line in lines if not line.startswith(_KEY_HOOK))
        wanted = tuple(line.replace("%i", interface) for line in lines)
        found: tuple[str, ...] = getattr(reading.conf, when)
        if wanted == found:
            continue
        lost = [line for line in wanted if line not in found]
        more = [line for line in found if line not in wanted]
        if lost:
            yield f"lack the hook `{lost[0]}`"
        elif more:
            yield f"run `{more[0]}`, which is no hook of the node"
        else:
            yield "run the hooks in another order"


def _rules(wanted: tuple[str, ...], found: tuple[str, ...]) -> Iterator[str]:
    """The comments that hooks hand to the tool of a firewall, where each and its place count."""
    if wanted == found:
        return
    for number in range(max(len(wanted), len(found))):
        lost, there = wanted[number : number + 1], found[number : number + 1]
        if lost != there:
            is_, should = (f"`{one[0]}`" if one else "nothing" for one in (there, lost))
            yield f"have {is_} as rule {number + 1} of the firewall, not {should}"
            return


def _shown(routes: Iterable[tuple[str, Prefix]]) -> list[str]:
    return [
        str(prefix) + {MAIN: "", OWN: " past WireGuard's packets"}.get(table, f" in table {table}")
        for table, prefix in routes
    ]


def _sets(what: str, wanted: Iterable[str], found: Iterable[str]) -> Iterator[str]:
    there, owed = set(found), set(wanted)
    yield from (f"lack the {what} {one}" for one in sorted(owed - there))
    yield from (f"have the {what} {one} beside" for one in sorted(there - owed))
