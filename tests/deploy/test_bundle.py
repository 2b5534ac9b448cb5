"""What this machine packs of itself for a node."""

from __future__ import annotations

import io
import tarfile
from importlib import metadata
from pathlib import Path

import meshc
from meshc.deploy.bundle import Bundle, archive, bundle, version


def names(content: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
        return tar.getnames()


def test_the_archive_is_the_whole_of_meshc_and_its_requirements() -> None:
    found = names(archive(whole=True).content)
    assert {"meshc/__init__.py", "meshc/_templates/openwrt.sh.j2", "click/__init__.py"} <= {*found}
    assert any(name.startswith("numpy.libs/") for name in found)
    assert not [name for name in found if name.startswith("/") or ".." in name.split("/")]
    assert not [name for name in found if "__pycache__" in name or name.startswith("pytest")]
    assert not [name for name in found if name.startswith("meshc/engine/native")]


def test_alone_it_is_meshc_alone() -> None:
    assert {name.split("/")[0] for name in names(archive(whole=False).content)} == {"meshc"}


def test_the_same_files_make_the_same_bytes() -> None:
    first = archive(whole=False)
    archive.cache_clear()
    assert archive(whole=False) == first


def test_every_requirement_that_is_installed_is_in_it() -> None:
    wanted = {
        line.partition(";")[0].partition(">")[0].strip().lower()
        for line in metadata.requires("meshc") or ()
        if "extra ==" not in line
    }
    assert wanted
    assert wanted <= bundle().names


def test_the_binaries_name_the_oldest_libc_that_will_do() -> None:
    assert (2, 5) <= bundle().libc < (3,)
    assert version("2.36") == (2, 36)
    assert version("") == ()


def test_a_checkout_is_told_from_a_release_by_its_sources() -> None:
    assert bundle().version.startswith(f"{meshc.__version__}+")
    assert bundle().identity("cpython-311-x86_64-linux-gnu").endswith("-linux-gnu")


def test_the_lock_names_what_a_node_needs_and_no_more() -> None:
    text = bundle().locked()
    found = {line.partition("==")[0] for line in text.splitlines() if "==" in line[:40]}
    assert {"numpy", "cryptography", "click"} <= found
    assert "hatchling" not in found
    assert text.count("--hash=sha256:") > len(found)


def test_a_requirement_that_pip_did_not_install_is_named() -> None:
    odd = Bundle("1", "s", (), {}, {}, frozenset(), strange="numpy")
    assert odd.size == 0
    assert Path(meshc.__file__) in bundle().own.values()
