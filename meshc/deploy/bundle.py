"""meshc as this machine has it, packed for a node: its own files and the distributions it needs."""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata as metadata
import io
import platform
import re
import sysconfig
import tarfile
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path

import meshc
from meshc.values import dataclass

_WORD = re.compile(r"[A-Za-z0-9._-]+")
_TAG = re.compile(r"manylinux(?:_(\d+)_(\d+)|(1|2010|2014))_")
_OLD_TAGS = {"1": (2, 5), "2010": (2, 12), "2014": (2, 17)}  # PEP 513, 571, 599
_LEFT_OUT = {"__pycache__", "tests"}
_LOCK = "requirements-run.lock"
_HERE = Path(meshc.__file__).parent
Version = tuple[int, ...]


@dataclass(frozen=True)
class Bundle:
    """`files` is the whole of meshc and its requirements, by their place below site-packages;
    `strange` names a requirement whose files are not recorded here, so that it cannot be packed.
    `libc` is the oldest GNU libc that the binaries among them run with."""

    version: str
    soabi: str
    libc: Version
    own: Mapping[str, Path]
    required: Mapping[str, Path]
    names: frozenset[str]
    strange: str = ""

    @cached_property
    def size(self) -> int:
        """Bytes on the disk of the node."""
        found = [*self.own.values(), *self.required.values()]
        return sum(path.stat().st_size for path in found)

    def identity(self, soabi: str) -> str:
        """The name of this meshc on a node whose Python has this binary interface."""
        return f"{self.version}-{soabi}"

    def locked(self) -> str:
        """The requirements with their hashes, for pip on a node; empty where nothing is locked."""
        inside, beside = _HERE / _LOCK, _HERE.parent / _LOCK
        lock = inside if inside.is_file() else beside
        if not lock.is_file():
            return ""
        entries = re.split(r"(?m)^(?=\S)", lock.read_text("utf-8"))
        return "".join(entry for entry in entries if _normal(entry) in self.names)


@dataclass(frozen=True, slots=True)
class Archive:
    content: bytes
    sha256: str


@cache
def bundle() -> Bundle:
    """What this machine has to offer."""
    found = dict(_closure())
    strange = next((name for name, one in found.items() if one.files is None), "")
    required = {} if strange else dict(_files(found.values()))
    return Bundle(
        version=_version(),
        soabi=str(sysconfig.get_config_var("SOABI") or ""),
        libc=max((_libc(one) for one in found.values()), default=()),
        own=dict(sorted(_own_files())),
        required=dict(sorted(required.items())),
        names=frozenset(found),
        strange=strange,
    )


@cache
def archive(*, whole: bool) -> Archive:
    """meshc with its requirements, or alone. The same files make the same bytes."""
    packed, out = bundle(), io.BytesIO()
    files = {**packed.own, **(packed.required if whole else {})}
    with (
        gzip.GzipFile(fileobj=out, mode="wb", compresslevel=3, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, path in sorted(files.items()):
            content = path.read_bytes()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    content = out.getvalue()
    return Archive(content, hashlib.sha256(content).hexdigest())


def _version() -> str:
    """That of a release; in a checkout with a hash of the sources, which change and it does not."""
    if not (_HERE.parent / "pyproject.toml").is_file():
        return meshc.__version__
    digest = hashlib.sha256()
    for name, path in sorted(_own_files()):
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{meshc.__version__}+{digest.hexdigest()[:8]}"


def _own_files() -> Iterator[tuple[str, Path]]:
    """As the wheel has them, from a checkout as well."""
    for place, root in (("meshc", _HERE), ("meshc/_templates", _HERE.parent / "templates")):
        for path in root.rglob("*") if root.is_dir() else ():
            inside = path.relative_to(root)
            # sources of another distribution
            native = inside.parts[:2] == ("engine", "native")
            if path.is_file() and "__pycache__" not in path.parts and not native:
                yield f"{place}/{inside.as_posix()}", path


def _closure() -> Iterator[tuple[str, metadata.Distribution]]:
    """The requirements of meshc, and theirs. What is not installed here is not needed here."""
    seen, todo = {"meshc"}, list(metadata.requires("meshc") or ())
    while todo:
        requirement = todo.pop()
        name = _normal(requirement)
        if name in seen or "extra ==" in requirement:
            continue
        seen.add(name)
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        yield name, found
        todo += found.requires or ()


def _files(found: object) -> Iterator[tuple[str, Path]]:
    for one in found:  # type: ignore[attr-defined]
        for file in one.files or ():
            path = Path(str(one.locate_file(file)))
            outside = file.is_absolute() or ".." in file.parts  # programs, manual pages
            if not outside and not _LEFT_OUT & set(file.parts) and path.is_file():
                yield file.as_posix(), path


def _libc(found: metadata.Distribution) -> Version:
    """What the binaries of a distribution need, by the tags of its wheel (PEP 600)."""
    tags = [line for line in (found.read_text("WHEEL") or "").splitlines() if line[:4] == "Tag:"]
    wanted = [_tagged(match) for tag in tags for match in _TAG.finditer(tag)]
    if wanted:
        return min(wanted)
    if any("-linux_" in tag for tag in tags):  # built on this machine
        return version(platform.libc_ver()[1])
    return ()


def _tagged(match: re.Match[str]) -> Version:
    major, minor, old = match.groups()
    return _OLD_TAGS[old] if old else (int(major), int(minor))


def version(text: str) -> Version:
    """The leading numbers of a version."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def _normal(requirement: str) -> str:
    """The name in a requirement, as PEP 503 writes it."""
    match = _WORD.match(requirement)
    return re.sub(r"[-_.]+", "-", match.group()).lower() if match else ""
