"""`meshc engine` as a process: what wg-quick, a supervisor and a user see of it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.engine.io import daemon
from meshc.engine.io.daemon import DaemonOptions, serve
from meshc.engine.io.tun import Tun, TunError
from meshc.keys import PrivateKey
from tests.support.enginenet import ENGINE, ROOT, SOCKETS, Net, end, run, wait_for

# files of /proc/PID that everybody may read, or that a crash report would take
TICKS = os.sysconf("SC_CLK_TCK")
FACTS = ("cmdline", "environ", "comm")


@pytest.mark.parametrize("name", ["", "a b", "a/b", "x" * 16, ".", ".."])
def test_names_that_could_leave_the_directory_are_refused(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert serve(DaemonOptions(name, foreground=True), {}) == 1

    assert "is not an interface name" in capsys.readouterr().err


def test_without_rights_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> Tun:
        raise TunError(1, "run as root or with CAP_NET_ADMIN")

    monkeypatch.setattr(daemon.Tun, "create", refuse)

    assert serve(DaemonOptions("wg0", foreground=True), {}) == 1
    assert capsys.readouterr().err == "meshc engine: run as root or with CAP_NET_ADMIN\n"


@pytest.mark.parametrize("value", ["x", "-1", "999"])
def test_a_descriptor_that_is_none_is_refused(
    value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert serve(DaemonOptions("wg0", foreground=True), {"WG_TUN_FD": value}) == 1

    assert capsys.readouterr().err.startswith("meshc engine: ")


def test_a_priority_that_is_not_granted_is_no_reason_to_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError(13, "no")

    monkeypatch.setattr(daemon.os, "setpriority", refuse)

    with caplog.at_level("INFO"):
        daemon._set_priority(-5)

    assert "nice -5" in caplog.text


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    with Net(tmp_path) as net:
        yield net


def engine_pids(interface: str) -> list[int]:
    pids = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit():
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
                if interface.encode() in arguments and b"entry()" in b"".join(arguments):
                    pids.append(int(entry.name))
    return pids


def has_link(net: Net, side: str) -> bool:
    interface = net.interfaces[side]
    return interface in run("ip", "-n", net.namespaces[side], "-br", "link", check=False)


@pytest.mark.root
def test_in_the_background_it_returns_when_it_is_ready(net: Net) -> None:
    interface = net.interfaces["a"]
    command = ["ip", "netns", "exec", net.namespaces["a"], *ENGINE, interface, "--json"]
    environment = {**os.environ, "WG_PROCESS_FOREGROUND": ""}
    said = subprocess.check_output(command, timeout=60, env=environment, cwd=ROOT)
    (pid,) = engine_pids(interface)
    try:
        assert json.loads(said)["pid"] == pid
        assert "listening" not in net.wg("a", "show", interface)
        assert stat.S_IMODE((SOCKETS / f"{interface}.sock").stat().st_mode) == 0o600
        assert os.getsid(pid) == pid, "it has no terminal"
    finally:
        os.kill(pid, signal.SIGTERM)

    wait_for(lambda: not engine_pids(interface), "its end")
    assert not (SOCKETS / f"{interface}.sock").exists()
    assert not has_link(net, "a")


@pytest.mark.root
@pytest.mark.parametrize("how", ["term", "int", "interface", "socket"])
def test_it_ends_cleanly_in_every_way_that_one_asks(net: Net, how: str) -> None:
    process = net.start("a", "meshc")
    net.configure("a", endpoint=None)
    path = SOCKETS / f"{net.interfaces['a']}.sock"
    if how == "interface":
        run("ip", "-n", net.namespaces["a"], "link", "del", net.interfaces["a"])
    elif how == "socket":
        path.unlink()
    else:
        process.send_signal(signal.SIGTERM if how == "term" else signal.SIGINT)

    assert process.wait(30) == 0
    assert not path.exists()
    assert not has_link(net, "a")


@pytest.mark.root
def test_signals_that_ask_for_something_else_do_not_end_it(net: Net, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as net.log:
        process = net.start("a", "meshc", STATE_DIRECTORY=str(tmp_path))

    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGUSR1)

    wait_for(lambda: "verbose from now on" in log.read_text(), "the other log level")
    assert process.poll() is None
    assert net.wg("a", "show", net.interfaces["a"]) != ""


@pytest.mark.root
def test_a_running_engine_has_no_rights_but_those_it_uses(net: Net) -> None:
    process = net.start("a", "meshc")
    net.configure("a", endpoint=None)

    net.wg("a", "set", net.interfaces["a"], "listen-port", "443", "fwmark", "7")

    status = Path(f"/proc/{process.pid}/status").read_text()
    (effective,) = (line for line in status.splitlines() if line.startswith("CapEff"))
    # CAP_NET_ADMIN and CAP_NET_BIND_SERVICE
    assert int(effective.split()[1], 16) == 1 << 12 | 1 << 10


@pytest.mark.root
def test_a_second_one_for_the_same_interface_is_refused(net: Net) -> None:
    net.start("a", "meshc")

    second = subprocess.run(
        ["ip", "netns", "exec", net.namespaces["b"], *ENGINE, "-f", net.interfaces["a"]],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )

    assert second.returncode == 1
    assert "is being served" in second.stderr
    assert net.wg("a", "show", net.interfaces["a"]) != "", "the first one still answers"


@pytest.mark.root
def test_a_socket_left_by_a_killed_one_is_replaced(net: Net) -> None:
    process = net.start("a", "meshc")
    process.kill()
    process.wait(5)
    assert (SOCKETS / f"{net.interfaces['a']}.sock").exists()

    net.start("a", "meshc")


@pytest.mark.root
def test_a_supervisor_is_told_when_it_is_ready(net: Net, tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(path))
        supervisor.settimeout(30)
        process = net.start("a", "meshc", NOTIFY_SOCKET=str(path))

        assert supervisor.recv(200).startswith(b"READY=1\nMAINPID=")
        process.terminate()
        assert supervisor.recv(200) == b"STOPPING=1"


@pytest.mark.root
def test_descriptors_are_taken_over(net: Net, tmp_path: Path) -> None:
    program = (
        "import os, socket, sys\n"
        "from meshc.engine.io.tun import Tun\n"
        "tun = Tun.create(sys.argv[1])\n"
        "listener = socket.socket(socket.AF_UNIX)\n"
        "listener.bind(sys.argv[2]); listener.listen()\n"
        "for fd in (tun.fd, listener.fileno()): os.set_inheritable(fd, True)\n"
        "os.environ.update(WG_TUN_FD=str(tun.fd), WG_UAPI_FD=str(listener.fileno()))\n"
        "os.execv(sys.executable, [sys.executable, '-c',"
        " 'from meshc.cli.engine import entry; entry()', '-f', sys.argv[1]])\n"
    )
    path = tmp_path / "control"
    command = [ENGINE[0], "-c", program, net.interfaces["a"], str(path)]
    process = subprocess.Popen(["ip", "netns", "exec", net.namespaces["a"], *command], cwd=ROOT)
    net.processes["a"] = process  # type: ignore[assignment]

    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        wait_for(lambda: path.exists() and not client.connect_ex(str(path)), "the control socket")
        client.sendall(b"set=1\nlisten_port=12345\n\nget=1\n\n")
        reply = b""
        while not reply.endswith(b"listen_port=12345\nerrno=0\n\n"):
            reply += client.recv(1000)

    process.terminate()
    assert process.wait(30) == 0


@pytest.mark.root
def test_an_idle_engine_costs_nothing(net: Net) -> None:
    process = net.start("a", "meshc")
    net.configure("a", endpoint=None)
    time.sleep(0.5)

    before = cpu_ticks(process.pid)
    time.sleep(1.5)

    assert cpu_ticks(process.pid) - before <= 2


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.root
def test_wg_reads_back_what_it_wrote(net: Net, tmp_path: Path) -> None:
    net.start("a", "meshc")
    interface = net.interfaces["a"]
    other = run("wg", "genkey").strip()
    third = run("wg", "pubkey", stdin=other).strip()
    conf = tmp_path / "wg.conf"
    conf.write_text(
        f"[Interface]\nListenPort = 12345\nFwMark = 0x20\nPrivateKey = {net.keys['a']}\n\n"
        f"[Peer]\nPublicKey = {net.public('b')}\nAllowedIPs = 10.0.0.0/8, fd00::/8\n"
        "Endpoint = 192.0.2.1:51820\nPersistentKeepalive = 25\n"
    )
    net.wg("a", "setconf", interface, str(conf))
    assert sorted(net.wg("a", "showconf", interface).split()) == sorted(conf.read_text().split())

    added = tmp_path / "added.conf"
    added.write_text(f"[Peer]\nPublicKey = {third}\nAllowedIPs = 10.1.0.0/16\n")
    net.wg("a", "addconf", interface, str(added))
    assert net.wg("a", "show", interface, "peers").split() == [net.public("b"), third]
    net.wg("a", "syncconf", interface, str(conf))
    assert net.wg("a", "show", interface, "peers").split() == [net.public("b")]
    net.wg("a", "set", interface, "peer", net.public("b"), "remove")
    assert net.wg("a", "show", interface, "peers") == ""


@pytest.mark.root
def test_no_key_is_in_the_log_or_on_the_command_line(net: Net, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as net.log:
        processes = [
            net.start(side, "meshc", LOG_LEVEL="verbose", STATE_DIRECTORY=str(tmp_path))
            for side in "ab"
        ]
    net.configure("b", endpoint=None)
    net.configure("a", endpoint="10.98.0.2:51820")
    net.ping("a", "10.99.0.2")
    secrets = [base64.b64decode(key) for key in (*net.keys.values(), net.psk.read_text())]
    for line in ("private_key={0}0", "preshared_key={0}", "{0}", "public_key={0}\nx={0}"):
        request = line.format(secrets[0].hex())
        assert ask(SOCKETS / f"{net.interfaces['a']}.sock", f"set=1\n{request}\n\n") != "errno=0"
    told = "".join(Path(f"/proc/{p.pid}/{what}").read_text() for p in processes for what in FACTS)
    for process in processes:
        end(process)

    told += log.read_text()
    assert "refused a configuration" in told
    assert "responder" in told
    for secret in secrets:
        for spelling in (secret.hex(), base64.b64encode(secret).decode()[:40], repr(secret)[2:-1]):
            assert spelling not in told


@pytest.mark.root
@pytest.mark.usefixtures("compiled_road")
def test_the_log_says_which_data_path_it_is_and_each_talks_to_the_other(
    net: Net, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with log.open("w") as net.log:
        net.start("a", "meshc", LOG_LEVEL="info", MESHC_NATIVE="0")
        net.start("b", "meshc", LOG_LEVEL="info", MESHC_NATIVE="")
    net.configure("b", endpoint=None)
    net.configure("a", endpoint="10.98.0.2:51820")

    for _ in range(3):
        net.ping("a", "10.99.0.2")

    told = log.read_text()
    assert told.count("ready, data path portable") == 1
    assert told.count("ready, data path compiled") == 1


def ask(path: Path, request: str) -> str:
    """The first line that the control socket answers."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(path))
        client.sendall(request.encode())
        return client.recv(1 << 16).decode().split("\n")[0]


@pytest.mark.root
def test_five_thousand_peers_are_no_burden(net: Net, tmp_path: Path) -> None:
    process = net.start("a", "meshc")
    conf = tmp_path / "many.conf"
    peers = (
        f"[Peer]\nPublicKey = {PrivateKey((number << 8).to_bytes(32, 'little')).public_key()}\n"
        f"AllowedIPs = 10.{number >> 16}.{number >> 8 & 255}.{number & 255}/32\n"
        for number in range(1, 5001)
    )
    conf.write_text(f"[Interface]\nPrivateKey = {net.keys['a']}\n\n" + "".join(peers))

    start = cpu_ticks(process.pid)
    net.wg("a", "setconf", net.interfaces["a"], str(conf))
    configured = cpu_ticks(process.pid)
    shown = net.wg("a", "show", net.interfaces["a"])
    before = cpu_ticks(process.pid)
    time.sleep(1.5)

    assert shown.count("peer: ") == 5000
    assert configured - start < 10 * TICKS  # of its own time: the machine may be busy with others
    assert before - configured < TICKS
    assert cpu_ticks(process.pid) - before <= 2


@pytest.mark.root
@pytest.mark.slow
def test_wg_quick_up_and_down_leave_nothing(net: Net, tmp_path: Path) -> None:
    wrapper = tmp_path / "engine"
    wrapper.write_text(f"#!/bin/sh\ncd {ROOT}\nexec {ENGINE[0]} -c '{ENGINE[2]}' \"$@\"\n")
    wrapper.chmod(0o755)
    environment = ["env", f"WG_QUICK_USERSPACE_IMPLEMENTATION={wrapper}"]
    for side, address, port in (("a", 1, 51820), ("b", 2, 51820)):
        other, number = ("b", 2) if side == "a" else ("a", 1)
        conf = tmp_path / f"{net.interfaces[side]}.conf"
        conf.write_text(
            f"[Interface]\nPrivateKey = {net.keys[side]}\nListenPort = {port}\n"
            f"Address = 10.99.0.{address}/24, fd99::{address}/64\n\n"
            f"[Peer]\nPublicKey = {net.public(other)}\nEndpoint = 10.98.0.{number}:{port}\n"
            f"AllowedIPs = 10.99.0.{number}/32, fd99::{number}/128\n"
        )
        conf.chmod(0o600)
    before = {side: state(net, side) for side in "ab"}
    for side, command in (("a", environment), ("b", [])):
        conf = tmp_path / f"{net.interfaces[side]}.conf"
        net.inside(side, [*command, "wg-quick", "up", str(conf)])
    try:
        net.ping("a", "10.99.0.2", "-s", "1392", "-M", "do")
        net.ping("b", "fd99::1", "-s", "8000")
        net.transfer("a", "fd99::2", 8)
        net.transfer("b", "10.99.0.1", 8)
        for side in "ab":
            assert "latest handshake" in net.wg(side, "show", net.interfaces[side])
    finally:
        for side in "ab":
            conf = tmp_path / f"{net.interfaces[side]}.conf"
            net.inside(side, ["wg-quick", "down", str(conf)], check=False)

    wait_for(lambda: not engine_pids(net.interfaces["a"]), "the engine's end")
    assert {side: state(net, side) for side in "ab"} == before
    assert not (SOCKETS / f"{net.interfaces['a']}.sock").exists()


def state(net: Net, side: str) -> str:
    """Links, addresses, routes and rules of a namespace, without counters."""
    namespace = net.namespaces[side]
    commands = (["-br", "addr"], ["route", "show", "table", "all"], ["rule"], ["-6", "rule"])
    text = "\n".join(run("ip", "-n", namespace, *command) for command in commands)
    # Link-local addresses of the cable come when they like.
    return "\n".join(
        line for line in text.splitlines() if "fe80" not in line and "ff00" not in line
    )
