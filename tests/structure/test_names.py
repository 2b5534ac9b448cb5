"""One name is one thing: no module and no public class is called as another one is."""

from __future__ import annotations

from collections import defaultdict

from tests.structure.source_tree import modules, public_classes, relative

EVERYWHERE = frozenset({"__init__", "__main__"})


def test_no_module_name_twice() -> None:
    places = defaultdict(list)
    for path in modules():
        if path.stem not in EVERYWHERE:
            places[path.stem].append(relative(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_public_class_name_twice() -> None:
    places = defaultdict(list)
    for path in modules():
        for name in public_classes(path):
            places[name].append(relative(path))
    assert places
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
