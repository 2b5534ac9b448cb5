"""Deployments to a machine that systemd runs: units, reboots, and what happens in between."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.bootednet import STATE, BootedField, booted_field
from tests.support.deadlines import window_is_over
from tests.support.netns import needs_root, wait_until
from tests.support.restarted_deploys import restart, restarted_deploys
from tests.support.snapshot import changed, snapshot

pytestmark = [*needs_root, pytest.mark.slow(30)]
ENGINE = "WG_QUICK_USERSPACE_IMPLEMENTATION=/usr/local/bin/meshc-engine"
DROP_IN = "/etc/systemd/system/wg-quick@wg0.service.d/meshc.wg.conf"
NET = 1 << 10 | 1 << 12 | 1 << 13  # CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW
OWN_UNIT = "/etc/systemd/system/meshc@wg0.service"


def test_the_unit_of_wg_quick(tmp_path: Path) -> None:
    """Enabled, with its engine; back after a reboot; a second deploy changes nothing."""
    with booted_field(tmp_path) as here:
        here.write()
        here.net.deploy("--all")
        assert here.is_("active", "wg-quick@wg0")
        assert here.is_("enabled", "wg-quick@wg0")
        assert "USERSPACE" not in here.hub.read(DROP_IN)
        here.net.wait_for_traffic("hub", "public")
        here.hub.run("systemctl", "restart", "wg-quick@wg0")  # and nobody sends anything
        wait_until(
            lambda: "\t0\n" not in here.hub.shell("wg show wg0 latest-handshakes"),
            patience=15,
            what="the session that there was",
        )
        _looked_after_again(here)
        _reboot(here)
        assert "2 of 2 nodes are up to date" in here.net.deploy("--all").stdout

        here.write(deploy=", supervisor: wg-quick, engine: bundled")
        assert "run by another engine" in here.net.deploy("hub").stdout
        assert ENGINE in here.hub.read(DROP_IN)
        here.net.wait_for_traffic("hub", "public")
        assert "2 of 2 nodes are up to date" in here.net.deploy("--all").stdout

        here.write()
        here.deploy_and_die("committed", window=600)
        assert ENGINE not in here.hub.read(DROP_IN)
        restart(here, "power cut")  # the unit that starts has its old environment again
        assert ENGINE in here.hub.shell("systemctl show --property=Environment wg-quick@wg0")
        here.net.wait_for_traffic("hub", "public")


def _looked_after_again(here: BootedField) -> None:
    """What an earlier version deployed, without a caretaker, gets one while it runs, although
    nothing else has changed there."""
    here.hub.shell(f"rm {DROP_IN}; systemctl daemon-reload; pkill -9 -f '[l]ook-after wg0'")
    link = here.hub.shell("cat /sys/class/net/wg0/ifindex")
    assert "looked after while it runs" in here.net.deploy("hub").stdout
    (caretaker,) = _running(here, "[l]ook-after wg0")
    assert "look-after" in here.hub.read(DROP_IN)
    assert "1 of 1 nodes are up to date" in here.net.deploy("hub").stdout
    assert _running(here, "[l]ook-after wg0") == [caretaker]
    assert here.hub.shell("cat /sys/class/net/wg0/ifindex") == link
    here.hub.run("systemctl", "restart", "wg-quick@wg0")  # and it is one still, of the unit
    wait_until(lambda: caretaker not in here.hub.shell("pgrep -f '[l]ook-after wg0'").split())
    here.net.wait_for_traffic("hub", "public")


def test_a_dead_engine_does_not_stay_dead(tmp_path: Path) -> None:
    """The unit says that it is active: so it is."""
    with booted_field(tmp_path) as here:
        for supervisor, unit in (("wg-quick", "wg-quick@wg0"), ("systemd", "meshc@wg0")):
            here.write(deploy=f", supervisor: {supervisor}, engine: bundled")
            here.net.deploy("--all")
            here.net.wait_for_traffic("hub", "public")
            for _ in range(2):
                killed = "for p in $(pgrep -f 'meshc.*[ .]engine'); do kill -9 $p; done"
                here.hub.shell(killed)
                wait_until(lambda: "wg0" not in here.hub.shell("ip link"))
                wait_until(lambda: "wg0" in here.hub.shell("ip link"))
                here.net.wait_for_traffic("hub", "public")
                wait_until(lambda u=unit: here.is_("active", u))
            here.hub.shell(f"systemctl stop {unit}; sleep 6")
            assert "wg0" not in here.hub.shell("ip link")


def _reboot(here: BootedField) -> None:
    restart(here, "reboot")
    here.net.wait_for_traffic("hub", "public")


def test_a_restart_in_the_middle_puts_back_what_ran(tmp_path: Path) -> None:
    """In each state, and in both ways; nobody but the node itself has a hand in it.
    `benchmarks/deploy_kills.py` tries both ways in each state."""
    with booted_field(tmp_path) as here:
        restarted_deploys(
            here,
            first=[("commit-confirmed", "power cut")],
            again=[("candidate", "power cut"), ("committing", "reboot")],
        )
        here.write(hub=", mtu: 1350")
        assert "hub: deployed" in here.net.deploy("hub").stdout


def test_a_restart_behind_others_goes_by_what_they_have_done(tmp_path: Path) -> None:
    """Between the confirm of those on the way and its own: they answer, or they have gone back."""
    with booted_field(tmp_path) as here:
        here.write(hub=", mtu: 1300")
        here.net.deploy("--all")
        public = here.net.address("public")
        for at, end, mtu in (("10.44.0.250", "rolled-back", 1300), (public, "confirmed", 1350)):
            here.write(hub=", mtu: 1350")
            here.deploy_and_die("committed", window=600)
            record = json.loads(here.hub.read(STATE))
            record["candidate"]["way"] = {"key": at}
            here.hub.write(STATE, json.dumps(record), 0o600)
            restart(here, "power cut")
            assert (here.state(), here.mtu()) == ("commit-confirmed", 1350)
            wait_until(lambda: here.units("meshc-rollback-*"), what="the watcher")
            window_is_over(here.hub)
            ends = ("confirmed", "rolled-back")
            wait_until(lambda e=ends: here.state() in e, patience=120, what="its end")
            assert here.state() == end
            wait_until(lambda m=mtu: here.mtu() == m)
            here.net.wait_for_traffic("hub", "public")
            assert "meshc-restore-wg0.service" not in str(here.files())


def test_our_own_unit(tmp_path: Path) -> None:
    """Few rights, all that is needed, back after a reboot, and nothing is left when it stops."""
    with booted_field(tmp_path) as here:
        # empty tables and directories stay
        here.hub.shell("for t in filter nat; do iptables -t $t -S; ip6tables -t $t -S; done")
        here.hub.shell("mkdir -p -m 700 /run/meshc /run/wireguard")
        wait_until(lambda: "tentative" not in here.hub.shell("ip addr"))
        before = snapshot(here.hub)
        del before["run"]  # logins leave their own there
        limits = {}
        here.hub.shell("mv /run/systemd/container /run/kept")
        for place, mtu in (("machine", 1400), ("container", 1380)):
            if place == "container":  # from here on systemd knows that it runs in one
                here.hub.shell("mv /run/kept /run/systemd/container")
            here.write(
                deploy=", supervisor: systemd",
                hub=f", role: relay, routes: [192.168.7.0/24], dns: [192.0.2.7], mtu: {mtu}",
            )
            here.net.deploy("--all")
            _has_what_it_needs(here)
            limits[place] = set(here.hub.read(OWN_UNIT).splitlines())
            here.hub.run("systemctl", "stop", "meshc@wg0")
            assert changed(before, snapshot(here.hub)) == {}
        assert limits["container"] < limits["machine"]
        _reboot(here)
        assert "192.0.2.7" in here.hub.shell("cat /etc/resolv.conf")
        assert "engine bundled" in here.hub.meshc("status", "wg0").stdout
        assert "2 of 2 nodes are up to date" in here.net.deploy("--all").stdout


def _has_what_it_needs(here: BootedField) -> None:
    here.net.wait_for_traffic("hub", "public")
    assert here.is_("enabled", "meshc@wg0")
    assert "192.0.2.7" in here.hub.shell("cat /etc/resolv.conf")
    assert "192.168.7.0/24" in here.hub.shell("iptables-save")
    assert here.hub.shell("sysctl -n net.ipv4.ip_forward") == "1\n"
    assert {_rights(here, pid) for pid in _processes(here)} == {(NET, "1", "2")}
    assert _exposure(here) < 3.0


def test_our_own_unit_changes_while_it_runs(tmp_path: Path) -> None:
    """By its own reload, so that what it starts belongs to it. A hook takes the limits away, for
    it may be anything; and a file that fails is put back, also as a unit."""
    with booted_field(tmp_path) as here:
        here.write(deploy=", supervisor: systemd")
        here.net.deploy("--all")
        here.net.wait_for_traffic("hub", "public")
        engine, agent = sorted(_processes(here), key=lambda pid: _is_agent(here, pid))
        assert [_is_agent(here, pid) for pid in (engine, agent)] == [False, True]
        here.hub.shell(f"kill -9 {agent}")  # so that there is something to start
        wait_until(lambda: _processes(here) == [engine])
        unit = here.hub.read(OWN_UNIT)
        here.write(
            deploy=", supervisor: systemd", more="  late: {endpoint: late.example-vpn.dev}\n"
        )
        assert "changed while it runs" in here.net.deploy("hub").stdout
        now = set(_processes(here))
        (started,) = now - {engine}
        assert engine in now
        assert _is_agent(here, started)
        assert _agents(here) == [started]  # and none outside of it
        assert here.hub.read(OWN_UNIT) == unit

        here.hub.run("systemctl", "stop", "meshc@wg0")
        here.write(
            deploy=", supervisor: systemd", hub=", post_up: [touch /var/hooked; cat /nowhere]"
        )
        failed = here.net.deploy("hub", check=False)
        assert failed.returncode == 1
        assert "PostUp failed (exit 1)" in failed.stdout
        assert here.hub.read(OWN_UNIT) == unit
        assert not here.is_("failed", "meshc@wg0")
        here.write(deploy=", supervisor: systemd", hub=", post_up: [touch /var/hooked]")
        here.net.deploy("hub")
        assert "NoNewPrivileges" not in here.hub.read(OWN_UNIT)
        here.net.wait_for_traffic("hub", "public")


def _processes(here: BootedField) -> list[str]:
    """Those of our own unit."""
    group = here.hub.shell("systemctl show --value -p ControlGroup meshc@wg0").strip()
    return here.hub.shell(f"cat /sys/fs/cgroup{group}/cgroup.procs").split()


def _is_agent(here: BootedField, pid: str) -> bool:
    """The loop that looks after the interface, and not its engine."""
    return "meshc.agent.watch wg0" in here.hub.shell(f"tr '\\0' ' ' </proc/{pid}/cmdline")


def _agents(here: BootedField) -> list[str]:
    """Those of the whole machine."""
    return _running(here, "[m]eshc.agent.watch wg0")


def _running(here: BootedField, words: str) -> list[str]:
    """Those with this command line, without what they run: it has their command line as well, for
    the moment between fork and exec."""
    asked = f"for p in $(pgrep -f '{words}'); do grep -s PPid /proc/$p/status /dev/null; done"
    found = [line.split() for line in here.hub.shell(f"{asked}; true").splitlines()]
    parents = {place.split("/")[2]: parent for place, parent in found}
    return [pid for pid, parent in parents.items() if parent not in parents]


def _rights(here: BootedField, pid: str) -> tuple[int, str, str]:
    """Capabilities that a process can have, whether it can get no more, and its filter."""
    lines = here.hub.shell(f"cat /proc/{pid}/status").splitlines()
    found = dict(line.split(":\t", 1) for line in lines)
    return int(found["CapBnd"], 16), found["NoNewPrivs"], found["Seccomp"]


def _exposure(here: BootedField) -> float:
    said = here.hub.shell("systemd-analyze security --no-pager meshc@wg0.service")
    return float(said.rsplit("service:", 1)[1].split()[0])


def test_the_watcher_outlives_the_login(tmp_path: Path) -> None:
    """On a machine that ends what a login leaves behind; and it outlives being killed."""
    with booted_field(tmp_path) as here:
        here.write(hub=", mtu: 1300")
        here.net.deploy("--all")
        here.login("setsid sleep 4321 >/dev/null 2>&1 & true")
        wait_until(lambda: not here.hub.run("pgrep", "-f", "sleep 4321", check=False).stdout)
        here.write(hub=", mtu: 1350")
        here.deploy_and_die("committed", window=600)
        wait_until(lambda: not here.hub.shell("loginctl list-sessions --no-legend"))
        assert (here.state(), here.mtu()) == ("commit-confirmed", 1350)
        here.hub.shell("systemctl kill --signal=SIGKILL 'meshc-rollback-*.service'")
        window_is_over(here.hub)
        wait_until(lambda: here.state() == "rolled-back", patience=90, what="putting back")
        assert here.mtu() == 1300
        here.net.wait_for_traffic("hub", "public")
        wait_until(lambda: not here.units("meshc-*"))
        assert here.hub.shell("systemctl is-system-running") == "running\n"


def test_from_one_supervisor_to_another(tmp_path: Path) -> None:
    """Also back, by the watcher. What runs without a unit outlives the login and the watcher."""
    with booted_field(tmp_path) as here:
        here.write(deploy=", supervisor: meshc")
        here.net.deploy("--all")
        wait_until(lambda: not here.hub.shell("loginctl list-sessions --no-legend"))
        here.net.wait_for_traffic("hub", "public")
        assert "2 of 2 nodes are up to date" in here.net.deploy("--all").stdout

        here.write(deploy=", supervisor: systemd")
        here.deploy_and_die("committed", window=600)
        assert here.is_("active", "meshc@wg0")
        window_is_over(here.hub)
        wait_until(lambda: here.state() == "rolled-back", patience=90, what="putting back")
        wait_until(
            lambda: not here.hub.shell("systemctl list-units --no-legend 'meshc-rollback-*'")
        )
        assert here.hub.read(OWN_UNIT) == ""
        here.net.wait_for_traffic("hub", "public")

        here.net.deploy("hub")
        assert here.is_("enabled", "meshc@wg0")
        here.write(deploy=", supervisor: wg-quick")
        assert "a reboot does not start meshc@ any more" in here.net.deploy("hub").stdout
        assert here.hub.read(OWN_UNIT) == ""
        assert here.is_("enabled", "wg-quick@wg0")
        _reboot(here)
        assert here.is_("active", "wg-quick@wg0")
        assert "2 of 2 nodes are up to date" in here.net.deploy("--all").stdout
