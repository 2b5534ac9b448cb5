"""Versions of meshc on the node, in a temporary directory: whole, or not there."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path
from typing import Any

import pytest

from meshc import __version__
from meshc.deploy.bundle import archive, bundle
from meshc.deploy.protocol import Installed, InstallMeshc, OwnMeshc
from meshc.deploy.remote import environment
from meshc.deploy.remote.base import Refusal
from meshc.deploy.remote.deployment_record import EnvironmentChange
from tests.support.netns import wait_until

NAME = "1.0-here"


def packed(files: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.type = len(content), kind
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def install(home: Path, content: bytes, **more: Any) -> Installed:
    request = {
        "identity": NAME,
        "locked": "",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        **more,
    }
    mask = os.umask(0o077)
    try:
        return environment.install(str(home), InstallMeshc(**request), io.BytesIO(content))
    finally:
        os.umask(mask)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In the place of one whose Python is gone, beside another one."""
    home = tmp_path_factory.mktemp("opt") / "meshc"
    for name, python in ((NAME, "/usr/bin/python3.1"), ("2.0-here", sys.executable)):
        (home / "versions" / name / "bin").mkdir(parents=True)
        (home / "versions" / name / "bin" / "python3").symlink_to(python)
    assert install(home, archive(whole=True).content) == Installed(True)
    return home


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    """A home with two versions that hold nothing but a name for Python."""
    home = tmp_path / "meshc"
    for name in (NAME, "2.0-here"):
        (home / "versions" / name / "bin").mkdir(parents=True)
        (home / "versions" / name / "bin" / "python3").symlink_to(sys.executable)
    return home


def kept(home: Path, new: str) -> EnvironmentChange:
    return environment.change("wgx9", str(home), new)


def there(home: Path) -> OwnMeshc:
    return environment.facts("wgx9", str(home))


def test_it_runs_by_itself(installed: Path, tmp_path: Path) -> None:
    """With nothing of this machine but Python, whatever the surroundings say."""
    for name in ("meshc", "meshc-engine"):
        program = installed / "versions" / NAME / "bin" / name
        done = subprocess.run(
            [str(program), "--version"],
            env={"PYTHONPATH": "/nowhere", "PYTHONHOME": "/nowhere"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == f"{name}, version {__version__}\n"


def test_others_may_read_it_and_only_its_owner_writes(installed: Path) -> None:
    for path in (installed, *installed.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode & 0o777
            assert mode & 0o055 == (0o055 if path.is_dir() else mode & 0o011 | 0o044), path
            assert mode & 0o022 == 0, path


def test_a_second_time_nothing_happens(installed: Path) -> None:
    before = (installed / "versions" / NAME).stat()
    assert install(installed, b"whatever") == Installed(False)
    assert (installed / "versions" / NAME).stat() == before


def test_one_whose_python_is_gone_is_made_again(installed: Path) -> None:
    assert there(installed).there == {NAME, "2.0-here"}
    assert sorted(os.listdir(installed / "versions")) == [NAME, "2.0-here"]
    assert (installed / "versions" / NAME / "bin" / "meshc").is_file()


@pytest.mark.slow
def test_pip_on_the_node_fetches_the_locked_packages(tmp_path: Path) -> None:
    home = tmp_path / "meshc"
    content = archive(whole=False).content
    assert install(home, content, locked=bundle().locked()) == Installed(True)
    bin_directory = home / "versions" / NAME / "bin"
    said = subprocess.check_output([str(bin_directory / "meshc"), "--version"], text=True)
    assert said == f"meshc, version {__version__}\n"
    others = [name for name in os.listdir(bin_directory) if not name.startswith("python")]
    assert sorted(others) == ["meshc", "meshc-engine"]


GOOD = packed({"meshc/__init__.py": b"x = 1\n"})


@pytest.mark.parametrize(
    ("content", "more", "word"),
    [
        (GOOD[: len(GOOD) // 2], {"size": len(GOOD)}, "bytes are missing"),
        (b"", {"size": len(GOOD)}, "bytes are missing"),
        (GOOD, {"sha256": "0" * 64}, "arrived damaged"),
        (GOOD[:40] + b"!" + GOOD[41:], {}, "arrived damaged"),
        (packed({"../../../evil": b""}), {}, "not a file of a package"),
        (packed({"/evil": b""}), {}, "not a file of a package"),
        (packed({"a": b""}, tarfile.SYMTYPE), {}, "not a file of a package"),
        (packed({"a": b""}, tarfile.CHRTYPE), {}, "not a file of a package"),
        (GOOD, {}, "failed"),  # it does not run: there is no numpy in it
        (GOOD, {"identity": "../x"}, "not a version"),
        (GOOD, {"identity": ".x"}, "not a version"),
        (GOOD, {"identity": "$(reboot)"}, "not a version"),
    ],
    ids=range(12),
)
def test_half_of_it_is_never_left(
    tmp_path: Path, content: bytes, more: dict[str, Any], word: str
) -> None:
    with pytest.raises(Refusal, match=word):
        install(tmp_path / "meshc", content, **more)
    assert os.listdir(tmp_path) == []


def test_what_a_killed_installation_left_goes_with_the_next(tmp_path: Path) -> None:
    home = tmp_path / "meshc"
    (home / "versions" / ".0.9-here.part" / "lib").mkdir(parents=True)
    environment.remove_unused(str(home))
    assert os.listdir(tmp_path) == []


def test_a_directory_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "meshc").symlink_to("elsewhere")
    with pytest.raises(Refusal, match="not a directory of root's own"):
        install(tmp_path / "meshc", GOOD)
    assert os.listdir(tmp_path / "elsewhere") == []


def test_from_the_first_version_back_to_none(versions: Path) -> None:
    first = kept(versions, NAME)
    environment.switch("wgx9", first)
    assert there(versions).used == NAME
    environment.switch_back("wgx9", first)
    environment.switch_back("wgx9", first)  # after it was interrupted
    assert there(versions).used == ""
    environment.prune(str(versions))
    assert not versions.exists()


def test_from_one_version_to_another_and_back(versions: Path) -> None:
    environment.switch("wgx9", kept(versions, NAME))
    second = kept(versions, "2.0-here")
    environment.switch("wgx9", second)
    assert there(versions).used == "2.0-here"
    environment.prune(str(versions))
    assert len(there(versions).there) == 2  # the way back is still needed
    environment.switch_back("wgx9", second)
    environment.switch_back("wgx9", second)
    assert there(versions).used == NAME
    environment.prune(str(versions))
    assert there(versions).there == {NAME}
    assert sorted(os.listdir(versions / "interfaces")) == ["wgx9"]


def test_a_commit_removes_the_version_that_nobody_uses(versions: Path) -> None:
    environment.switch("wgx9", kept(versions, NAME))
    second = kept(versions, "2.0-here")
    environment.switch("wgx9", second)
    environment.settle("wgx9", second)
    assert there(versions).there == {"2.0-here"}
    assert os.listdir(versions / "interfaces") == ["wgx9"]


def test_a_machine_that_has_its_own_now_gives_ours_back(versions: Path) -> None:
    environment.switch("wgx9", kept(versions, NAME))
    none = kept(versions, "")
    environment.switch("wgx9", none)
    environment.settle("wgx9", none)
    assert not versions.exists()


def test_what_another_interface_or_a_process_uses_stays(versions: Path) -> None:
    environment.switch("wgx8", kept(versions, NAME))
    python = versions / "versions" / "2.0-here" / "bin" / "python3"
    shutil.copy(shutil.which("sleep") or "", python.with_name("program"))
    with subprocess.Popen([str(python.with_name("program")), "100"]) as process:
        try:
            told = Path(f"/proc/{process.pid}/cmdline")
            wait_until(lambda: b"program" in told.read_bytes())
            environment.prune(str(versions))
            assert there(versions).there == {NAME, "2.0-here"}
        finally:
            process.kill()
    environment.prune(str(versions))
    assert there(versions).there == {NAME}


def test_a_version_that_went_meanwhile_is_refused(versions: Path) -> None:
    gone = kept(versions, "3.0-here")
    with pytest.raises(Refusal, match=r"meshc 3.0-here is not in .* any more"):
        environment.switch("wgx9", gone)
    environment.switch_back("wgx9", gone)
    assert there(versions).used == ""


def test_the_python_of_the_node_is_told(versions: Path) -> None:
    found = there(versions)
    assert found.soabi == sysconfig.get_config_var("SOABI")
    broken = versions / "versions" / NAME / "bin" / "python3"
    broken.unlink()
    broken.symlink_to("/usr/bin/python3.1")  # the system was upgraded under it
    assert there(versions).there == {"2.0-here"}
