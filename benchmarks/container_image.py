"""The container image of the Containerfile, built and run: a relay and a client with real packets.

    python benchmarks/container_image.py              the base is made by debootstrap, three minutes
    python benchmarks/container_image.py DIRECTORY    a root directory of Debian that is there

Root, podman, runc and debootstrap; no registry of images is asked. Run are: a build as nobody in
particular, without capabilities, network or a file system that can be written; the services of
`outputs: [compose]` as the file says, each in a network namespace of its own; a web server joined
to the relay's, which the client's fetches from through the tunnel. All is removed afterwards.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

TOPOLOGY = """\
meshc: 1
network: {name: boxes, addresses: [10.44.0.0/24, "fd44::/64"]}
nodes:
  relay: {role: relay, address: 10.44.0.1, endpoint: 10.9.0.1, outputs: compose}
  client: {address: 10.44.0.2, outputs: compose}
"""
OUTSIDE = {"relay": "10.9.0.1", "client": "10.9.0.2"}
NAME = f"mshbox{os.getpid() % 10000}"
# no more than what a machine without CAP_SYS_RESOURCE may give
LIMITS = ["--ulimit", "nofile=1024:1024"]
SYS_MODULE = 1 << 16  # linux/capability.h


def run(*command: object, check: bool = True) -> str:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        said = f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
        raise AssertionError(f"{' '.join(map(str, command))}:\n{said}")
    return done.stdout


def told(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def driver() -> str:
    """overlay where the kernel has it: the other copies every layer."""
    return "overlay" if "\toverlay\n" in Path("/proc/filesystems").read_text() else "vfs"


class Store:
    """Images and containers in a directory of their own."""

    def __init__(self, place: Path) -> None:
        self._podman = ["podman", "--root", place / "store", "--storage-driver", driver()]
        self._podman += ["--cgroup-manager", "cgroupfs", "--runtime", "runc"]

    def __call__(self, *words: object, check: bool = True) -> str:
        return run(*self._podman, *words, check=check)

    def start(self, *words: object) -> str:
        return self("run", *LIMITS, "--ulimit", "nproc=1024:1024", *words)


def base(place: Path) -> Path:
    where = place / "base"
    uris = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Codename: bookworm")
    run("debootstrap", "--variant=minbase", "bookworm", where, uris.split()[0])
    return where


def build(podman: Store, place: Path, directory: Path) -> None:
    run("tar", "-C", directory, "-cf", place / "base.tar", ".")
    podman("import", place / "base.tar", "localhost/debian")
    (place / "base.tar").unlink()
    told("the base is imported")
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    (place / "pip.conf").write_text("[global]\ncert = /host-certificates\n")
    mounts = [f"{place}/pip.conf:/etc/pip.conf:ro", f"{certificates}:/host-certificates:ro"]
    mounts.append("/etc/apt/apt.conf.d:/etc/apt/apt.conf.d:ro")
    given = [word for mount in mounts for word in ("-v", mount)]
    podman("build", "--layers=false", "--isolation", "chroot", *LIMITS, "--network", "host", *given,
           "--build-arg", "BASE=localhost/debian", "-t", "localhost/meshc", ROOT)  # fmt: skip
    told("built: " + podman("images", "--format", "{{.Size}}", "localhost/meshc").strip())


def compiles(podman: Store, place: Path) -> None:
    work = place / "work"
    work.mkdir()
    shutil.copy(ROOT / "examples/topologies/relay/mesh.yaml", work)
    os.chown(work, 1234, 1234)
    podman.start(
        "--rm", "--user", "1234:1234", "--network", "none", "--read-only", "--cap-drop", "all",
        "-v", f"{work}:/work", "localhost/meshc", "build", "mesh.yaml",
    )  # fmt: skip
    conf = work / "build/phone/wg0.conf"
    assert (conf.stat().st_uid, conf.stat().st_mode & 0o777) == (1234, 0o600)
    told("meshc build: as uid 1234, read-only, without capabilities and network")
    for words in (["agent", "--help"], ["--version"]):
        podman.start("--rm", "--network", "none", "localhost/meshc", *words)


def wire(undo: contextlib.ExitStack) -> None:
    for name in OUTSIDE:
        run("ip", "netns", "add", f"{NAME}{name}")
        undo.callback(run, "ip", "netns", "del", f"{NAME}{name}", check=False)
    run("ip", "-n", f"{NAME}relay", "link", "add", "eth0", "type", "veth",
        "peer", "name", "eth0", "netns", f"{NAME}client")  # fmt: skip
    for name, address in OUTSIDE.items():
        run("ip", "-n", f"{NAME}{name}", "addr", "add", f"{address}/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            run("ip", "-n", f"{NAME}{name}", "link", "set", link, "up")


def serve(podman: Store, file: Path, name: str) -> None:
    """The service of a compose file, as docker compose would start it; beside it the device for a
    kernel without WireGuard."""
    (service,) = yaml.safe_load(file.read_text())["services"].values()
    program, *arguments = service["entrypoint"]
    words = ["-d", "--name", name, "--network", f"ns:/run/netns/{NAME}{name}"]
    words += [f"--cap-add={one}" for one in service["cap_add"]]
    words += [f"--sysctl={key}={value}" for key, value in service.get("sysctls", {}).items()]
    for mount in service["volumes"]:
        words += ["-v", f"{(file.parent / mount.split(':')[0]).resolve()}:{mount.split(':', 1)[1]}"]
    words += ["--device", "/dev/net/tun", "--entrypoint", program]
    podman.start(*words, "localhost/meshc", *arguments)


def until(what: str, holds: object) -> None:
    for _ in range(600):
        if holds():  # type: ignore[operator]
            return
        time.sleep(0.2)
    raise AssertionError(what)


def tunnels(podman: Store, place: Path, undo: contextlib.ExitStack) -> None:
    from meshc.build.pipeline import compile_file

    (place / "mesh.yaml").write_text(TOPOLOGY)
    compile_file(place / "mesh.yaml")
    wire(undo)
    undo.callback(podman, "rm", "-f", "-a", check=False)
    for name in OUTSIDE:
        serve(podman, place / f"build/{name}/compose/compose.yaml", name)

    def ping(name: str, address: str) -> bool:
        command = ["ip", "netns", "exec", f"{NAME}{name}", "ping", "-c", "1", "-W", "2", address]
        return subprocess.run(command, capture_output=True).returncode == 0

    try:
        until("client → relay", lambda: ping("client", "10.44.0.1"))
        until("relay → client", lambda: ping("relay", "fd44::2") or ping("relay", "10.44.0.2"))
    except AssertionError as error:
        raise AssertionError(
            f"{error}\n{podman('logs', 'relay')}{podman('logs', 'client')}"
        ) from None
    passed = podman("exec", "relay", "wg", "show", "wg0", "transfer").split()[-2:]
    told(f"relay and client reach each other: {' and '.join(passed)} bytes at the relay")
    for name in OUTSIDE:
        status = podman("exec", name, "cat", "/proc/1/status")
        capabilities = int(status.partition("CapBnd:")[2].split()[0], 16)
        assert not capabilities & SYS_MODULE, name
    web = ["--entrypoint", "python3", "localhost/meshc"]
    podman.start("-d", "--name", "web", "--network", f"ns:/run/netns/{NAME}relay", *web,
                 "-m", "http.server", "8080", "--bind", "10.44.0.1")  # fmt: skip
    fetch = "import urllib.request as u; print(u.urlopen('http://10.44.0.1:8080/').status)"
    answers: list[str] = []

    def fetched() -> bool:
        joined = ["--network", f"ns:/run/netns/{NAME}client"]
        limits = [*LIMITS, "--ulimit", "nproc=1024:1024"]
        answers.append(podman("run", "--rm", *limits, *joined, *web, "-c", fetch, check=False))
        return answers[-1].strip() == "200"

    until("the web server", fetched)
    told("a service in the relay's namespace answers one in the client's; nobody has SYS_MODULE")
    podman("stop", "-t", "60", "client")
    left = run("ip", "-n", f"{NAME}client", "-o", "link")
    assert "wg0" not in left, left
    told("stopped: the interface is gone")


def main() -> None:
    with contextlib.ExitStack() as undo:
        place = Path(undo.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        podman = Store(place)
        directory = Path(sys.argv[1]) if len(sys.argv) > 1 else base(place)
        build(podman, place, directory)
        compiles(podman, place)
        tunnels(podman, place, undo)


if __name__ == "__main__":
    main()
