"""A build directory read: by its manifest, as it is now."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.build.pipeline import compile_file
from meshc.build.reader import BuildReader, open_build, read_manifest
from meshc.errors import StateError
from tests.support.workspaces import write_topology


@pytest.fixture
def built(tmp_path: Path) -> BuildReader:
    file = write_topology(tmp_path)
    compile_file(file)
    return open_build(tmp_path / "build", file=file)


def test_it_finds_every_node_and_its_files(built: BuildReader) -> None:
    assert list(built.confs) == ["hub", "laptop", "phone"]
    for name in built.confs:
        node = built.node(name)
        assert node.path == built.directory / name / "wg0.conf"
        assert node.conf.reveal() == node.path.read_bytes() == node.text().reveal().encode()
        assert node.facts == (built.directory / name / "node.json").read_bytes()
    assert built.hosts() == (built.directory / "hosts").read_text()
    assert read_manifest(built.directory) == built.manifest


def test_it_reads_what_is_there_now(built: BuildReader) -> None:
    path = built.directory / "hub/wg0.conf"
    path.write_bytes(path.read_bytes() + b"# mine\n")
    assert built.node("hub").conf.reveal().endswith(b"# mine\n")
    path.write_bytes(b"\xff")
    with pytest.raises(StateError, match="not UTF-8"):
        built.node("hub").text()


def test_a_node_that_was_not_built_is_named_with_the_nearest(built: BuildReader) -> None:
    with pytest.raises(StateError, match="no configuration for 'laptob'") as error:
        built.node("laptob")
    assert error.value.hint == "did you mean laptop?"
    with pytest.raises(StateError) as error:
        built.node("x")
    assert error.value.hint == "there are: hub, laptop, phone"


def test_a_file_that_is_gone_or_a_link_is_refused(built: BuildReader) -> None:
    built.require_all()
    path = built.directory / "phone/wg0.conf"
    path.rename(path.with_suffix(".away"))
    with pytest.raises(StateError, match=r"phone/wg0.conf is missing"):
        built.node("phone")
    with pytest.raises(StateError, match=r"1 of 7 files"):
        built.require_all()
    path.symlink_to(path.with_suffix(".away"))
    with pytest.raises(StateError, match="is a symbolic link"):
        built.node("phone")


def test_nothing_built_is_told(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None
    with pytest.raises(StateError, match="holds no build") as error:
        open_build(tmp_path, file=Path("net.yaml"))
    assert error.value.hint == "build it first: meshc build net.yaml"
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(StateError, match="not a manifest"):
        open_build(tmp_path, file=Path("net.yaml"))


def test_no_key_is_shown(built: BuildReader) -> None:
    assert b"PrivateKey" in built.node("hub").conf.reveal()
    assert "PrivateKey" not in repr(built.node("hub"))
