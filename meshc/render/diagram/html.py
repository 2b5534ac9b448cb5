"""The picture as one self-contained HTML page: pan, zoom, hover a pair to see its path."""

from __future__ import annotations

import json

from meshc.render.diagram.picture import Picture
from meshc.render.diagram.svg import WORDS, draw


def html(picture: Picture) -> str:
    """A page that works offline: style, script and data are inside it."""
    groups = sorted({group for node in picture.nodes for group in node.groups})
    return draw("diagram.html.j2", picture, standalone=False, data=_json(picture), groups=groups)


def _may(picture: Picture) -> dict[str, object] | None:
    """What policies let begin: the class of each node, and rows and columns of classes. A node by
    itself has nothing to begin with."""
    if picture.reach is None:
        return None
    known = picture.reach.of()
    cells = {f"{a} {b}": ", ".join(map(str, one)) for (a, b), one in picture.reach.cells.items()}
    return {"of": [known[node.name] for node in picture.nodes], "cells": cells}


def _json(picture: Picture) -> str:
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
        "via": list(interned),
        "paths": rows,
        "may": _may(picture),
    }
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
