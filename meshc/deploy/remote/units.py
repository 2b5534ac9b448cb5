"""The systemd unit that runs an interface: a drop-in for `wg-quick@`, or a unit of our own.

Each interface has a file of its own, so that two networks of one machine share no setting. Our
own unit runs `meshc` as root, because the files in /etc/wireguard and /run are root's, but with
three capabilities, a read-only system and no way to become more. A hook may be anything that root
does: a file that has some gets a unit without these limits.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping

from meshc.deploy.protocol import UNITS, Supervisor
from meshc.deploy.remote.base import Refusal, ok, read, redact, run, sync_directory
from meshc.deploy.remote.managed_interface import ManagedInterface

DIRECTORY = "/etc/systemd/system"
RUNS = "/run/systemd/system"
CONTAINER = "/run/systemd/container"  # systemd tells by it that it runs in one
_RESTARTS_ONE_SHOTS = 244  # the systemd that learned to
HEADER = "# Written by meshc deploy.\n"
SAVE_ENDPOINTS = "save-endpoints"
SET_ENDPOINTS = "set-endpoints"
LOOK_AFTER = "look-after"
_HOOK = re.compile(r"(?im)^\s*(?:Pre|Post)(?:Up|Down)\s*=\s*(.*?)\s*$")
_DNS = re.compile(r"(?im)^\s*DNS\s*=")
_UNIT = """\
[Unit]
Description=WireGuard network on {name} (meshc)
After=network-online.target nss-lookup.target
Wants=network-online.target nss-lookup.target

[Service]
Type=oneshot
RemainAfterExit=yes
{modules}ExecStart={meshc} up {conf} --engine {engine}
ExecReload={meshc} reload {conf}
ExecStop={meshc} down {interface}
UMask=0077
StateDirectory=meshc
{restart}{limits}
[Install]
WantedBy=multi-user.target
"""
# Not here, with the reason:
# PrivateDevices, because of /dev/net/tun; PrivateNetwork, IPAddressDeny and RestrictAddressFamilies
# for the internet, because that is the work; ProtectKernelModules hides /lib/modules, where meshc
# sees whether the kernel has WireGuard (the capability to load one is not in the set anyway).
_LIMITS = """\
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=/run {writable}
ProtectHome=read-only
PrivateTmp=yes
DevicePolicy=closed
DeviceAllow=/dev/net/tun rw
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
KeyringMode=private
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX AF_NETLINK AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
"""
# With these systemd mounts another /proc. In it a container has the boot id of the machine below,
# and by the boot id meshc tells what it brought up from what is left of another boot.
_LIMITS_OUTSIDE_CONTAINERS = """\
ProtectControlGroups=yes
ProtectKernelTunables=yes
ProtectProc=invisible
"""


def runs() -> bool:
    """Whether systemd runs this machine."""
    return os.path.isdir(RUNS)


def name(interface: ManagedInterface, supervisor: Supervisor) -> str:
    """`meshc@wg0.service`; systemd writes the letters of an interface that it has no place for
    as numbers (systemd.unit(5))."""
    return supervisor.value + escaped(interface.name) + ".service"


def escaped(interface: str) -> str:
    return re.sub("[+=]", lambda found: f"\\x{ord(found.group()):02x}", interface)


def quoted(word: str) -> str:
    """One word of a setting in a unit, whatever is in it (systemd.syntax(7))."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return '"' + text.replace("\n", "\\n") + '"'


def argument(word: str) -> str:
    """One word of a command line in a unit."""
    return quoted(word.replace("$", "$$"))


def path_of(interface: ManagedInterface, supervisor: Supervisor) -> str:
    """The file that is ours for this supervisor."""
    unit = name(interface, supervisor)
    if supervisor is Supervisor.MESHC_UNIT:
        return os.path.join(DIRECTORY, unit)
    return os.path.join(DIRECTORY, unit + ".d", "meshc.wg.conf")


def text_of(
    interface: ManagedInterface,
    supervisor: Supervisor,
    env: Mapping[str, str],
    conf: str,
    node_json: str,
) -> str:
    """What is to stand there for this file of the interface."""
    if supervisor is Supervisor.MESHC_UNIT:
        return HEADER + _own(interface, env, conf, node_json)
    if escaped(interface.name) != interface.name:
        raise Refusal(
            f"{name(interface, supervisor)} would bring up an interface of another name",
            "wg-quick's unit takes no + and no =; choose another name, or supervisor: systemd",
        )
    lines = ["Environment=" + quoted("{}={}".format(*item)) for item in sorted(env.items())]
    lines += [*_restart(), *_endpoints(interface)]
    if env.get("MESHC_WATCH") != "off":
        lines.append(f"ExecStartPost=-{_program(interface, LOOK_AFTER)}")
    return HEADER + "[Service]\n" + "\n".join(lines) + "\n"


def stale(interface: ManagedInterface, env: Mapping[str, str]) -> bool:
    """Whether the drop-in of a unit of wg-quick that runs is not what would be written now: that of
    an earlier version, or none."""
    unit = Supervisor.WG_QUICK_UNIT
    if escaped(interface.name) != interface.name or active(interface) is not unit:
        return False
    return read(path_of(interface, unit)) != text_of(interface, unit, env, "", "").encode()


def look_after(interface: ManagedInterface) -> None:
    """Starts the caretaker of a unit that runs already, and that would have it from its next start
    on; it ends with the unit."""
    unit = name(interface, Supervisor.WG_QUICK_UNIT)
    with_it = ["--property=Type=forking", f"--property=PartOf={unit}", f"--property=BindsTo={unit}"]
    watch = f"meshc-watch-{escaped(interface.name)}"
    if shutil.which("systemd-run") and not _looked_after(interface):
        run(["systemd-run", "--quiet", "--collect", "--unit", watch, *with_it, "--",
             *_argv(interface, LOOK_AFTER)], check=False)  # fmt: skip


def _looked_after(interface: ManagedInterface) -> bool:
    wanted = {LOOK_AFTER.encode(), interface.name.encode()}
    commands = (
        read(f"/proc/{pid}/cmdline") or b"" for pid in filter(str.isdigit, os.listdir("/proc"))
    )
    return any(wanted <= set(words.split(b"\0")) for words in commands)


def _restart() -> list[str]:
    """A start that fails, because the network is not there yet, is tried again. Older ones of
    systemd refuse a unit that starts once and says so."""
    words = run(["systemctl", "--version"], check=False).split() if runs() else []
    if len(words) < 2 or not words[1].isdigit() or int(words[1]) < _RESTARTS_ONE_SHOTS:
        return []
    return ["Restart=on-failure", "RestartSec=10"]


def _endpoints(interface: ManagedInterface) -> list[str]:
    """Around a restart by hand, or one of the machine: where the peers were is kept."""
    down = shutil.which("wg-quick") or "/usr/bin/wg-quick"
    return [
        f"ExecStartPost=-{_program(interface, SET_ENDPOINTS)}",
        "ExecStop=",  # the one of the distribution would come first
        f"ExecStop=-{_program(interface, SAVE_ENDPOINTS)}",
        f"ExecStop={argument(down)} down {argument(interface.name)}",
    ]


def _program(interface: ManagedInterface, word: str) -> str:
    return " ".join(argument(one) for one in _argv(interface, word))


def _argv(interface: ManagedInterface, word: str) -> tuple[str, ...]:
    """The program of the last deployment, which stays on the node, with one thing to do."""
    places = interface.directories
    return (
        sys.executable,
        os.path.join(interface.home, "program.py"),
        *(word, interface.name, places.conf, places.state, places.environments, "-"),
    )


def _own(interface: ManagedInterface, env: Mapping[str, str], conf: str, node_json: str) -> str:
    limits = ""
    if not _hooks(conf, node_json):
        # resolv.conf is replaced by renaming, which needs its directory
        writable = "/proc/sys/net" + (" /etc" if _DNS.search(conf) else "")
        limits = _LIMITS.format(writable=writable)
        if not os.path.exists(CONTAINER):
            limits += _LIMITS_OUTSIDE_CONTAINERS
    return _UNIT.format(
        name=interface.name,
        interface=argument(interface.name),
        meshc=argument(env.get("MESHC_PROGRAM") or shutil.which("meshc") or "/usr/local/bin/meshc"),
        conf=argument(interface.conf),
        engine=argument(env.get("MESHC_ENGINE", "auto")),
        modules=_modules(),
        restart="".join(line + "\n" for line in _restart()),
        limits=limits,
    )


def _hooks(conf: str, node_json: str) -> list[str]:
    """The hooks that somebody wrote: those that meshc writes it does itself."""
    with contextlib.suppress(ValueError, AttributeError):
        own = set(json.loads(node_json).get("generated_hooks", ()))
        return [line for line in _HOOK.findall(conf) if line not in own]
    return _HOOK.findall(conf)


def _modules() -> str:
    """The kernel loads what is needed by itself, except for the old iptables, which calls modprobe:
    that one needs more rights than the rest and gets them for itself alone."""
    tool = os.path.realpath(shutil.which("iptables") or "")
    if "legacy" not in tool or not shutil.which("modprobe"):
        return ""
    return "ExecStartPre=-+{} -aq ip_tables ip6_tables\n".format(shutil.which("modprobe"))


def active(interface: ManagedInterface) -> Supervisor | None:
    """The unit that is active for this interface."""
    return next(iter(_that(interface, "is-active")), None)


def enabled(interface: ManagedInterface) -> list[Supervisor]:
    """The units that a boot starts."""
    return _that(interface, "is-enabled")


def _that(interface: ManagedInterface, verb: str) -> list[Supervisor]:
    if not runs():
        return []
    return [one for one in UNITS if ok(["systemctl", verb, "--quiet", name(interface, one)])]


def settle(interface: ManagedInterface, supervisor: Supervisor) -> None:
    """From now on a boot brings the interface up by this supervisor, and by no other."""
    if not runs():
        return
    found = enabled(interface)
    if supervisor.unit and supervisor not in found:
        run(["systemctl", "enable", name(interface, supervisor)])
    for other in UNITS:
        if other is supervisor:
            continue
        if other in found:
            run(["systemctl", "disable", name(interface, other)])
        path = path_of(interface, other)
        if (read(path) or b"").startswith(HEADER.encode()):
            os.unlink(path)
            remove_directory(os.path.dirname(path))
            reload()
    wants = os.path.join(DIRECTORY, "multi-user.target.wants")
    if os.path.isdir(wants):
        sync_directory(wants)


def remove_directory(path: str) -> None:
    """One for drop-ins that holds none any more."""
    if path.endswith(".d"):
        with contextlib.suppress(OSError):  # there is more in it, or it was never made
            os.rmdir(path)


def forget_failures(interface: ManagedInterface) -> None:
    """A unit that failed under a deploy which was put back is no failure of the machine."""
    if runs():
        for supervisor in UNITS:
            ok(["systemctl", "reset-failed", name(interface, supervisor)])


def make_directory(path: str) -> None:
    """For units, which everybody may read."""
    if not os.path.isdir(path):
        os.makedirs(path)
        os.chmod(path, 0o755)


def reload() -> None:
    run(["systemctl", "daemon-reload"])


def control(verb: str, interface: ManagedInterface, supervisor: Supervisor, limit: float) -> None:
    """`systemctl VERB`; a failure comes with the last words of the unit."""
    unit = name(interface, supervisor)
    try:
        run(["systemctl", verb, unit], limit)
    except Refusal as refusal:
        words = _last_words(unit)
        if words:
            raise Refusal(
                f"{unit} failed: {words}", refusal.failure.hint, refusal.failure.reason
            ) from None
        raise


def _last_words(unit: str) -> str:
    if not shutil.which("journalctl"):
        return ""
    argv = ["journalctl", "--quiet", "--no-pager", "-b", "-o", "cat", "-n", "12", "-u", unit]
    lines = redact(run(argv, check=False), "").splitlines()
    # what the unit said, not what systemd says about it
    said = [line for line in lines if line.strip() and unit not in line]
    return " / ".join(said[-4:])
