"""The build directory: nothing changes before commit, nothing of others is touched."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from meshc.build.directory import BuildDirectory
from meshc.errors import StateError
from meshc.render import manifest
from meshc.render.artifact import Artifact
from meshc.secret import SecretBytes


def artifact(path: str, text: str, *, mode: int = 0o644) -> Artifact:
    node = path.partition("/")[0] if "/" in path else ""
    return Artifact(path, SecretBytes(text.encode()), mode, node, "a test", secret=mode == 0o600)


def build(path: Path, *files: Artifact, topology: str = "mesh.yaml") -> BuildDirectory:
    directory = BuildDirectory(path, topology=topology, network="net")
    with directory.staging():
        for file in files:
            directory.stage(file)
        directory.commit()
    return directory


def tree(path: Path) -> dict[str, str]:
    return {
        str(file.relative_to(path)): file.read_text()
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name not in (manifest.NAME, ".gitignore")
    }


def test_files_get_their_modes_and_the_manifest_lists_them(tmp_path: Path) -> None:
    build(tmp_path / "b", artifact("a/wg0.conf", "x", mode=0o600), artifact("hosts", "y"))
    assert tree(tmp_path / "b") == {"a/wg0.conf": "x", "hosts": "y"}
    assert stat.S_IMODE((tmp_path / "b/a/wg0.conf").stat().st_mode) == 0o600
    listed = manifest.parse((tmp_path / "b/manifest.json").read_text())
    assert list(listed.files) == ["a/wg0.conf", "hosts"]
    assert (tmp_path / "b/.gitignore").read_text() == "*\n"


def test_without_commit_nothing_is_there(tmp_path: Path) -> None:
    build(tmp_path / "b", artifact("a/x", "old"))
    directory = BuildDirectory(tmp_path / "b", topology="mesh.yaml", network="net")
    with directory.staging():
        directory.stage(artifact("a/x", "new"))
        directory.stage(artifact("c/y", "new"))
    assert tree(tmp_path / "b") == {"a/x": "old"}


def test_equal_content_keeps_the_time_of_the_file(tmp_path: Path) -> None:
    build(tmp_path, artifact("a/x", "same"), artifact("a/y", "old"))
    for name in ("a/x", "a/y", manifest.NAME):
        os.utime(tmp_path / name, (1000, 1000))
    build(tmp_path, artifact("a/x", "same"), artifact("a/y", "new"))
    assert (tmp_path / "a/x").stat().st_mtime == 1000
    assert (tmp_path / "a/y").stat().st_mtime != 1000
    assert (tmp_path / manifest.NAME).stat().st_mtime != 1000


def test_a_mode_that_somebody_changed_is_put_right(tmp_path: Path) -> None:
    build(tmp_path, artifact("a/x", "same", mode=0o600))
    (tmp_path / "a/x").chmod(0o644)
    build(tmp_path, artifact("a/x", "same", mode=0o600))
    assert stat.S_IMODE((tmp_path / "a/x").stat().st_mode) == 0o600


def test_stale_files_go_only_when_they_are_ours_and_unchanged(tmp_path: Path) -> None:
    build(tmp_path, artifact("a/x", "1"), artifact("b/x", "2"), artifact("c/x", "3"))
    (tmp_path / "b/x").write_text("edited")
    (tmp_path / "c/notes").write_text("mine")
    directory = build(tmp_path, artifact("d/x", "4"))
    assert tree(tmp_path) == {"b/x": "edited", "c/notes": "mine", "d/x": "4"}
    assert directory.kept == ["b/x"]
    assert not (tmp_path / "a").exists()


def test_an_edited_file_is_set_aside_before_it_is_replaced(tmp_path: Path) -> None:
    build(tmp_path, artifact("a/x", "1"))
    (tmp_path / "a/x").write_text("by hand")
    (tmp_path / "a/x").chmod(0o644)
    directory = build(tmp_path, artifact("a/x", "2"))
    assert tree(tmp_path) == {"a/x": "2", "a/x.edited": "by hand"}
    assert directory.kept == ["a/x.edited"]
    assert stat.S_IMODE((tmp_path / "a/x.edited").stat().st_mode) == 0o600
    (tmp_path / "a/x").write_text("by hand again")
    build(tmp_path, artifact("a/x", "3"))
    assert tree(tmp_path) == {
        "a/x": "3", "a/x.edited": "by hand", "a/x.edited-2": "by hand again"
    }  # fmt: skip


def test_the_build_of_another_file_is_refused(tmp_path: Path) -> None:
    build(tmp_path, artifact("a/x", "1"))
    with pytest.raises(StateError, match=r"holds the build of mesh\.yaml") as caught:
        build(tmp_path, artifact("a/x", "2"), topology="other.yaml")
    assert "-o" in caught.value.hint
    assert tree(tmp_path) == {"a/x": "1"}


@pytest.mark.parametrize("what", ["file", "directory"])
def test_links_are_not_followed(tmp_path: Path, what: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_text("keep")
    (tmp_path / "b").mkdir()
    if what == "directory":
        (tmp_path / "b/a").symlink_to(outside)
    else:
        (tmp_path / "b/a").mkdir()
        (tmp_path / "b/a/x").symlink_to(outside / "x")
    with pytest.raises(StateError, match="in the way"):
        build(tmp_path / "b", artifact("a/x", "evil"))
    assert (outside / "x").read_text() == "keep"


def test_a_manifest_that_leads_out_is_refused(tmp_path: Path) -> None:
    entry = manifest.ManifestEntry("../../etc/passwd", "a", 0o644, 1, "00", False, "x")
    (tmp_path / manifest.NAME).write_text(manifest.render("mesh.yaml", "net", [entry]))
    with pytest.raises(StateError, match="not a manifest"):
        build(tmp_path)


def test_what_a_killed_run_left_is_removed_later(tmp_path: Path) -> None:
    old = tmp_path / f".b.new-{'0' * 16}"
    inside = tmp_path / "b" / f".new-{'1' * 16}"
    (old / "a").mkdir(parents=True)
    os.utime(old, (1000, 1000))
    build(tmp_path / "b", artifact("a/x", "1"))
    assert not old.exists()
    inside.mkdir()
    os.utime(inside, (1000, 1000))
    build(tmp_path / "b", artifact("a/x", "2"))
    assert not inside.exists()
    assert tree(tmp_path / "b") == {"a/x": "2"}


def test_a_commit_that_is_cut_short_is_mended_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(tmp_path, artifact("a/x", "1"), artifact("b/x", "1"))
    rename, calls = os.rename, []

    def once(*args: str) -> None:
        calls.append(args)
        if len(calls) > 1:
            raise OSError(5, "Input/output error")
        rename(*args)

    monkeypatch.setattr(os, "rename", once)
    with pytest.raises(OSError, match="Input"):
        build(tmp_path, artifact("a/x", "2"), artifact("b/x", "2"))
    monkeypatch.undo()
    assert tree(tmp_path) == {"a/x": "2", "b/x": "1"}
    directory = build(tmp_path, artifact("a/x", "2"), artifact("b/x", "2"))
    assert tree(tmp_path) == {"a/x": "2", "b/x": "2"}
    assert directory.kept == []


def test_a_staging_place_is_ignored_by_git_before_the_first_key_is_in_it(tmp_path: Path) -> None:
    """A run that is killed leaves it behind, beside the directory or inside it."""
    for path in (tmp_path / "new", tmp_path):
        directory = BuildDirectory(path, topology="mesh.yaml", network="net")
        with directory.staging():
            directory.stage(artifact("a/wg0.conf", "key", mode=0o600))
            (left,) = [p for p in tmp_path.iterdir() if ".new-" in p.name]
            assert (left / ".gitignore").read_text() == "*\n"


def test_keys_beside_the_files_of_others_are_ignored_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("mine")
    build(tmp_path, artifact("a/wg0.conf", "1", mode=0o600), artifact("hosts", "y"))
    lines = (tmp_path / ".gitignore").read_text().splitlines()
    assert lines[1:] == ["/.new-*/", "/a/wg0.conf*"]
    build(tmp_path, artifact("b/wg0.conf", "1", mode=0o600))
    assert "/b/wg0.conf*" in (tmp_path / ".gitignore").read_text()


def test_the_ignore_file_of_somebody_else_stays(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.o\n")
    build(tmp_path, artifact("a/wg0.conf", "1", mode=0o600))
    assert (tmp_path / ".gitignore").read_text() == "*.o\n"


def test_what_a_run_that_was_killed_before_its_manifest_wrote_is_still_to_be_told(
    tmp_path: Path,
) -> None:
    build(tmp_path, artifact("a/x", "1"), artifact("b/x", "1"))
    before = (tmp_path / manifest.NAME).read_bytes()
    build(tmp_path, artifact("a/x", "2"), artifact("b/x", "1"), artifact("c/x", "1"))
    (tmp_path / manifest.NAME).write_bytes(before)
    directory = BuildDirectory(tmp_path, topology="mesh.yaml", network="net")
    staged = [
        directory.stage(artifact(f"{n}/x", c)) for n, c in (("a", "2"), ("b", "1"), ("c", "1"))
    ]
    assert [one.same for one in staged] == [True, True, True]
    assert [one.untold for one in staged] == [True, False, True]


def test_files_in_directories_of_a_node_come_and_go(tmp_path: Path) -> None:
    """Those of an output: also when nothing else of the node changes."""
    conf = artifact("a/wg0.conf", "x")
    build(tmp_path / "b", conf)
    build(tmp_path / "b", conf, artifact("a/networkd/wg0.netdev", "1"))
    build(tmp_path / "b", conf, artifact("a/networkd/wg0.netdev", "2"))
    assert tree(tmp_path / "b") == {"a/wg0.conf": "x", "a/networkd/wg0.netdev": "2"}
    build(tmp_path / "b", conf)
    assert tree(tmp_path / "b") == {"a/wg0.conf": "x"}
    assert not (tmp_path / "b/a/networkd").exists()


def test_no_directory_above_a_file_may_be_a_link(tmp_path: Path) -> None:
    build(tmp_path / "b", artifact("hosts", "y"))
    (tmp_path / "elsewhere/networkd").mkdir(parents=True)
    (tmp_path / "b/a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="in the way"):
        build(tmp_path / "b", artifact("a/networkd/wg0.netdev", "1"))
    assert not any((tmp_path / "elsewhere/networkd").iterdir())
