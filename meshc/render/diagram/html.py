"""The picture as one self-contained HTML page: nodes, sites, groups, a matrix, and any path."""

from __future__ import annotations

import json
from typing import NamedTuple

from meshc.render.diagram.folding import Fold, fold
from meshc.render.diagram.picture import Picture
from meshc.render.diagram.relay_load import relay_loads
from meshc.render.diagram.svg import WORDS, Drawing, drawing
from meshc.render.templates import environment

# A page of more boxes than this begins with a folded picture.
MOST_AT_FIRST = 30
# A folded picture that is not smaller than this part of the whole shows nothing new.
_SMALLER = 0.6


class View(NamedTuple):
    """One drawing of the page; `of` is the box of each node."""

    name: str
    drawing: Drawing
    of: tuple[int, ...] | None = None


def html(picture: Picture) -> str:
    """A page that works offline: style, script and data are inside it."""
    views = _views(picture)
    return (
        environment(markup=True)
        .get_template("diagram.html.j2")
        .render(
            picture=picture,
            views=views,
            first=_first(picture, views),
            words=WORDS,
            bounced=len(picture.bounced),
            loads=relay_loads(picture),
            groups=sorted({group for node in picture.nodes for group in node.groups}),
            data=_json(picture, views),
        )
    )


def _views(picture: Picture) -> list[View]:
    """The whole picture, and those folded ones that are smaller."""
    views = [View("nodes", drawing(picture))]
    for by in Fold:
        folded = fold(picture, by)
        if len(folded.picture.nodes) <= _SMALLER * len(picture.nodes):
            views.append(View(by.value, drawing(folded.picture, folded.counts), folded.of))
    return views


def _first(picture: Picture, views: list[View]) -> str:
    """What is shown first."""
    if len(picture.nodes) <= MOST_AT_FIRST or len(views) == 1:
        return "nodes"
    return views[1].name


def _may(picture: Picture) -> dict[str, object] | None:
    """What policies let begin: the class of each node, and rows and columns of classes. A node by
    itself has nothing to begin with."""
    if picture.reach is None:
        return None
    known = picture.reach.of()
    cells = {f"{a} {b}": ", ".join(map(str, one)) for (a, b), one in picture.reach.cells.items()}
    return {"of": [known[node.name] for node in picture.nodes], "cells": cells}


def _json(picture: Picture, views: list[View]) -> str:
    """Data for the script. `<` is written as an escape, so that no text can end the element."""
    interned: dict[tuple[int, ...] | None, int] = {}
    rows = [[interned.setdefault(path, len(interned)) for path in row] for row in picture.paths]
    data = {
        "nodes": [
            {
                "name": node.name,
                "kind": WORDS[node.kind],
                "site": node.site,
                "platform": node.platform,
                "addresses": node.addresses,
                "notes": node.notes,
                "groups": node.groups,
            }
            for node in picture.nodes
        ],
        "links": picture.links,
        "standby": picture.standby,
        "many": picture.many,
        "folds": {view.name: view.of for view in views if view.of is not None},
        "via": list(interned),
        "paths": rows,
        "may": _may(picture),
    }
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
