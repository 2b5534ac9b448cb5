"""No room is larger than one head can hold."""

from __future__ import annotations

import tomllib

from tests.structure.source_tree import ROOT, lines, modules

LARGEST_ROOM = 1 / 6
"""Of all code."""
# packages of the layers that are houses of rooms themselves
INSIDE = {
    "meshc.topology": ("language", "obligations", "planner", "proof", "importer"),
    "meshc.engine": ("proto", "io"),
}


def rooms() -> dict[str, int]:
    """Lines of each room: the packages that the layers of import-linter name, and their rooms."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    words = {name.strip(" ()") for layer in layers for name in layer.replace(":", "|").split("|")}
    names = {f"meshc.{word.removeprefix('meshc.')}" for word in words}
    for house, inside in INSIDE.items():
        names.discard(house)
        names |= {f"{house}.{room}" for room in inside}
    places = {name: ROOT / name.replace(".", "/") for name in names}
    return {
        name: sum(map(lines, modules(place))) for name, place in places.items() if place.is_dir()
    }


def test_no_room_holds_more_than_a_sixth_of_the_code() -> None:
    everywhere = sum(map(lines, modules()))
    shares = {name: round(size / everywhere, 3) for name, size in rooms().items()}
    assert len(shares) > 10
    assert {name: share for name, share in shares.items() if share > LARGEST_ROOM} == {}
