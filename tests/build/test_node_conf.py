"""One node's file is found in a build, or it is said what there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from meshc.build.node_conf import node_conf

from meshc.build.pipeline import compile_file
from meshc.errors import StateError
from tests.support.workspaces import write_topology


def test_the_file_of_a_node(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    with pytest.raises(StateError, match="holds no build") as missing:
        node_conf(file, "phone")
    assert missing.value.hint == f"build it first: meshc build {file}"
    compile_file(file)
    assert node_conf(file, "phone") == tmp_path / "build/phone/wg0.conf"
    compile_file(file, out=tmp_path / "other")
    assert node_conf(file, "phone", build=tmp_path / "other") == tmp_path / "other/phone/wg0.conf"
    for name, hint in (("phnoe", "did you mean phone?"), ("zzz", "there are: hub, laptop, phone")):
        with pytest.raises(StateError, match="has no configuration for") as unknown:
            node_conf(file, name)
        assert unknown.value.hint == hint
