"""A release, step by step: what must hold, what is made, and what is left to a person.

    ./dev release --dry-run     everything but the commit and the tag; what is made lies in dist/
    ./dev release               the same, then the changelog gets the version, a commit and a tag

Nothing is uploaded or pushed. A step that fails ends it.
"""

from __future__ import annotations

import datetime
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_HEADING = re.compile(r"^## Unreleased$(.*?)(?=^## |\Z)", re.M | re.S)


class NotReadyError(Exception):
    """What has to be done first."""


def notes(changelog: str, version: str) -> str:
    """What is new. Raises: NotReadyError."""
    if re.search(rf"^## \[?{re.escape(version)}\b", changelog, re.M):
        raise NotReadyError(f"CHANGELOG.md has {version} already: raise the version")
    found = _HEADING.search(changelog)
    if found is None or not re.search(r"^- ", found[1], re.M):
        raise NotReadyError("CHANGELOG.md says nothing under `## Unreleased`")
    return found[1].strip()


def dated(changelog: str, version: str, day: datetime.date) -> str:
    """The changelog after the release."""
    return changelog.replace("## Unreleased\n", f"## Unreleased\n\n## {version} ({day})\n", 1)


def check_tree(version: str, root: Path = ROOT) -> None:
    """Raises: NotReadyError."""
    if _said("git", "-C", str(root), "status", "--porcelain"):
        raise NotReadyError("there are changes that are not committed")
    if _said("git", "-C", str(root), "tag", "--list", f"v{version}"):
        raise NotReadyError(f"the tag v{version} is there already: raise the version")


def check_contents(dist: Path, version: str) -> None:
    """What a stranger would miss. Raises: NotReadyError."""
    wheel = dist / f"meshc-{version}-py3-none-any.whl"
    names = set(zipfile.ZipFile(wheel).namelist())
    sdist = dist / f"meshc-{version}.tar.gz"
    with tarfile.open(sdist) as packed:
        sources = {name.partition("/")[2] for name in packed.getnames()}
    wanted = {
        wheel: (
            names,
            ["meshc/cli/build.py", f"meshc-{version}.data/data/share/man/man1/meshc.1"],
        ),
        sdist: (sources, ["meshc/cli/build.py", "README.md", "LICENSE", "docs/tutorial.md"]),
    }
    for file, (there, needed) in wanted.items():
        missing = [name for name in needed if name not in there]
        if missing:
            raise NotReadyError(f"{file.name} lacks {', '.join(missing)}")


def write_hashes(dist: Path) -> Path:
    """SHA256SUMS as sha256sum(1) checks it, of all files of the directory."""
    files = sorted(one for one in dist.iterdir() if one.is_file() and one.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in files]
    sums = dist / "SHA256SUMS"
    sums.write_text("".join(lines), encoding="utf-8")
    return sums


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _step(what: str, command: Sequence[str] = ()) -> None:
    print(f"release: {what}", file=sys.stderr, flush=True)
    if command:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotReadyError(f"{what}:\n{done.stdout}{done.stderr}")


def release(dry: bool) -> None:
    """Raises: NotReadyError."""
    sys.path.insert(0, str(ROOT))
    from meshc import __version__ as version

    changelog = ROOT / "CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8")
    _step(f"version {version}, changelog")
    news = notes(text, version)
    check_tree(version)
    dist = ROOT / "dist"
    _step("wheels of meshc and meshc-native", ["./dev", "wheels"])
    _step("sdist", [sys.executable, "-m", "build", "-q", "--sdist", "--no-isolation", "-o", "dist"])
    _step("zipapp", ["./dev", "zipapp"])
    _step("site and its links", ["./dev", "site"])
    shutil.make_archive(str(dist / f"meshc-{version}-docs"), "gztar", dist / "site")
    _step("what is in them")
    check_contents(dist, version)
    _step(f"hashes: {write_hashes(dist).relative_to(ROOT)}")
    if dry:
        _step(f"nothing was committed or tagged; {len(news.splitlines())} lines are new")
        return
    changelog.write_text(dated(text, version, datetime.date.today()), encoding="utf-8")
    _step("commit", ["git", "commit", "-qm", f"Release {version}", "CHANGELOG.md"])
    _step(
        f"tag v{version}", ["git", "tag", "-a", f"v{version}", "-m", f"meshc {version}\n\n{news}"]
    )
    _step("left to you: git push --follow-tags, and dist/ to wherever people fetch it")


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--dry-run"]):
        sys.exit(__doc__)
    try:
        release(dry=sys.argv[1:] == ["--dry-run"])
    except NotReadyError as error:
        sys.exit(f"release: not ready: {error}")
