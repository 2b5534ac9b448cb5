"""The pictures in the documentation are what meshc draws of the topologies beside them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from meshc.build.pipeline import plan_file
from meshc.render.diagram.picture import picture
from meshc.render.diagram.svg import svg
from tests.support.workspaces import write_topology

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def test_the_picture_of_the_main_example_is_drawn_from_it() -> None:
    """Mend with `meshc graph examples/topologies/relay/mesh.yaml -o docs/relay.svg`."""
    plan = plan_file(ROOT / "examples/topologies/relay/mesh.yaml")
    assert svg(picture(plan)) == (DOCS / "relay.svg").read_text("utf-8")


@pytest.mark.parametrize("name", ["agent"])
def test_a_picture_is_drawn_from_the_first_topology_of_its_page(name: str, tmp_path: Path) -> None:
    """Mend with `meshc graph` of that block, `-o docs/NAME.svg`."""
    page = (DOCS / f"{name}.md").read_text("utf-8")
    block = re.search(r"^```yaml\n(meshc: 1\n.*?)^```$", page, re.M | re.S)
    assert block is not None
    drawn = svg(picture(plan_file(write_topology(tmp_path, block[1]))))
    assert drawn == (DOCS / f"{name}.svg").read_text("utf-8")
