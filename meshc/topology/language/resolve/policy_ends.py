"""The ends of rules and tests: words of a file -> the nodes, LANs and prefixes that they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from meshc.errors import PrefixFormatError
from meshc.prefixes import Prefix, without
from meshc.topology.language.read.parsed_file import Path
from meshc.topology.language.resolve.references import References
from meshc.topology.language.spec import PolicyEnd
from meshc.topology.language.wording import quote
from meshc.values import dataclass, field

INTERNET = "internet"
# what stands for the internet in a test: well-known addresses, one of each family
FAR_AWAY = {4: Prefix.parse("1.1.1.1"), 6: Prefix.parse("2606:4700:4700::1111")}


@dataclass(slots=True)
class PolicyEnds:
    """Looks the ends up. `routes` are the LANs by node and `addresses` those that the file gives,
    also of nodes that are left out later; `site_of` tells where a node is."""

    references: References
    routes: dict[str, tuple[Prefix, ...]]
    addresses: dict[str, tuple[Prefix, ...]]
    pools: tuple[Prefix, ...]
    site_of: Callable[[str], str | None]
    _sites: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        references: References,
        pools: tuple[Prefix, ...],
        site_of: Callable[[str], str | None],
    ) -> PolicyEnds:
        nodes = references.document.nodes.items()
        return cls(
            references,
            {n: tuple(a.network for a in data.get("routes", ())) for n, data in nodes},
            {n: tuple(a.host for a in data.get("address", ())) for n, data in nodes},
            pools,
            site_of,
        )

    def left_out(self, words: Iterable[str]) -> bool:
        """Whether one of the words means, among others, a node that is left out."""
        document = self.references.document
        for word in words:
            name = word.removesuffix(":lan")
            members = document.groups.get(name, {}).get("members", (name,))
            prefix = _prefix(word)
            if not document.absent.isdisjoint(members) or (
                prefix is not None and self._of_absent(prefix)
            ):
                return True
        return False

    def _of_absent(self, prefix: Prefix) -> bool:
        absent = self.references.document.absent
        return any(
            prefix.overlaps(own)
            for name in absent
            for own in (*self.addresses.get(name, ()), *self.routes.get(name, ()))
        )

    def end(self, words: Sequence[str], path: Path, *, sender: bool = False) -> PolicyEnd:
        """One side of a rule; what nobody can be is reported at its place."""
        nodes: dict[str, None] = {}
        prefixes: dict[Prefix, None] = {}
        internet = False
        for index, word in enumerate(words):
            where = (*path, index)
            if word == INTERNET and not self._named(word):
                internet = not sender
                if sender:
                    self._report(
                        "E171",
                        "nothing begins at the internet: an exit lets answers in, and no more",
                        where,
                        "name who sends: nodes, groups, sites, `NODE:lan` or addresses.",
                    )
            elif word.endswith(":lan"):
                prefixes.update(dict.fromkeys(self._lans(word, where)))
            elif (prefix := _prefix(word)) is not None and not self._named(word):
                prefixes.update(dict.fromkeys(self._known(prefix, where)))
            else:
                nodes.update(dict.fromkeys(self._members(word, where)))
        return PolicyEnd(tuple(sorted(nodes)), tuple(sorted(prefixes)), internet)

    def test_end(self, words: Sequence[str], path: Path) -> tuple[str, ...]:
        """One side of a test: names of nodes, and prefixes as text, which hold a `/`."""
        document = self.references.document
        found: dict[str, None] = {}
        for index, word in enumerate(words):
            where = (*path, index)
            if word == INTERNET and not self._named(word):
                families = dict.fromkeys(pool.family for pool in self.pools)
                found.update(dict.fromkeys(str(FAR_AWAY[family]) for family in families))
            elif word.endswith(":lan"):
                found.update(dict.fromkeys(map(str, self._lans(word, where))))
            elif word == "all" or self._named(word) or word in {*document.sites, *document.absent}:
                found.update(dict.fromkeys(self._members(word, where)))
            elif (prefix := _prefix(word)) is not None:
                found[str(prefix)] = None
            else:
                known = (*document.nodes, *document.groups)
                self.references.unknown("node or group", word, where, known)
        return tuple(found)

    def _members(self, word: str, path: Path) -> tuple[str, ...]:
        document = self.references.document
        if word == "all":
            return tuple(document.nodes)
        is_named = word in document.nodes or word in document.groups
        if word in document.sites and not is_named:
            return self._at(word)
        if word in document.sites and is_named:
            what = "node" if word in document.nodes else "group"
            self._report(
                "E171",
                f"{quote(word)} is a site and a {what}",
                path,
                "give one of them another name.",
            )
            return ()
        if is_named or word in document.absent:
            return self.references.nodes([word], path)
        known = (*document.nodes, *document.groups, *document.sites)
        self.references.unknown("node, group or site", word, path, known)
        return ()

    def _at(self, site: str) -> tuple[str, ...]:
        if not self._sites:
            found: dict[str, list[str]] = {}
            for name in self.references.document.nodes:
                found.setdefault(self.site_of(name) or "", []).append(name)
            self._sites = {place: tuple(names) for place, names in found.items()}
        return self._sites.get(site, ())

    def _lans(self, word: str, path: Path) -> tuple[Prefix, ...]:
        name = word.removesuffix(":lan")
        members = self._members(name, path)
        found = tuple(prefix for member in members for prefix in self._behind(member))
        if members and not found:
            self._report(
                "E171",
                f"nobody of {quote(name)} has a LAN" if name != "all" else "no node has a LAN",
                path,
                "a LAN behind a node is its `routes`.",
            )
        return found

    def _behind(self, member: str) -> tuple[Prefix, ...]:
        """The LANs of a node, without what lies in them and is somebody else's: the narrower
        prefix wins everywhere."""
        own = self.routes.get(member, ())
        others = [
            route
            for name in self.references.document.nodes
            if name != member
            for route in self.routes[name]
            if any(lan.contains(route) and lan != route for lan in own)
        ]
        return without(own, (*others, *self.pools)) if own else ()

    def _known(self, prefix: Prefix, path: Path) -> Iterator[Prefix]:
        """A prefix that is a node's, or has a part in a LAN."""
        present = self.references.document.nodes
        lans = (route for name in present for route in self.routes[name])
        if any(prefix.contains(own) for name in present for own in self.addresses[name]):
            yield prefix
        elif self._of_absent(prefix):
            return
        elif any(pool.overlaps(prefix) for pool in self.pools):
            self._report(
                "E171",
                f"no node has {prefix} as its `address`",
                path,
                "name the node: what is allocated is known after the first build only.",
            )
        elif any(prefix.overlaps(lan) for lan in lans):
            yield prefix
        else:
            self._report(
                "E171",
                f"{prefix} belongs to no node, and lies in no LAN behind one",
                path,
                "`internet` is all that lies behind exits; a LAN is the `routes` of a node.",
            )

    def _named(self, word: str) -> bool:
        document = self.references.document
        return word in document.nodes or word in document.groups

    def _report(self, code: str, message: str, path: Path, hint: str) -> None:
        self.references.document.report(self.references.diagnostics, code, message, path, hint)


def _prefix(word: str) -> Prefix | None:
    try:
        return Prefix.parse(word)
    except PrefixFormatError:
        return None
