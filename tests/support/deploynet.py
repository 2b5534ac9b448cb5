"""Machines to deploy to: namespaces with their own /etc/wireguard and /var/lib and a real sshd.

A controller, public machines on one segment, and machines behind masquerading routers whose SSH
port is forwarded to them::

    controller   hub   public      198.51.100.0/24
         |        |      |
    -----+--------+------+----+-----------+---
                           router1     router2     masquerade, tcp 22 forwarded
                              |           |
                            home1       home2      10.0.N.2
"""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

from tests.support.netns import (
    Namespace,
    connect,
    login_path,
    namespaces,
    require,
    wait_until,
)

SEGMENT = "198.51.100"
PLACES = {"controller": 250, "hub": 1, "public": 2, "home1": 11, "home2": 12}
PLACES |= {f"public{number}": number for number in range(3, 7)}
TOPOLOGY = """\
meshc: 1
network: {name: fieldnet, addresses: [10.44.0.0/24]}
nodes:
  hub:    {role: relay, endpoint: 198.51.100.1, deploy: {host: 198.51.100.1, user: root}}
  public: {endpoint: 198.51.100.2, deploy: {host: 198.51.100.2, user: root}}
  home1:  {nat: port_restricted, deploy: {host: 198.51.100.11, user: root}}
  home2:  {nat: symmetric, deploy: {host: 198.51.100.12, user: root}}
"""
# a shell that sshd starts reads .bashrc: what the login of this machine's root does is no part of
# the test, and with it a request would take several times as long
_PRIVATE = """
mount -t tmpfs -o mode=700,size=8m tmpfs /etc/wireguard
mount -t tmpfs -o mode=755,size=8m tmpfs /var/lib
[ ! -e ~/.bashrc ] || mount --bind /dev/null ~/.bashrc
"""
_SSHD = """\
Port 22
SetEnv PATH={path}
HostKey {home}/host_key
AuthorizedKeysFile /run/login.pub
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
PidFile none
"""


_OPT = """
mkdir /run/opt && mount --rbind /opt /run/opt && mount -t tmpfs -o mode=755 tmpfs /opt
for path in /run/opt/*; do
  [ -d "$path" ] || continue
  mkdir "/opt/${path##*/}" && mount --rbind "$path" "/opt/${path##*/}"
done
mount --bind /dev/null "$(command -v wireguard-go)"
"""


def take_engine(machine: Namespace) -> None:
    """The machine has no engine any more, and an /opt of its own beside what lies there."""
    machine.shell(_OPT)


class Field:
    """The controller, the machines by name, and the directory with keys and topology."""

    def __init__(self, home: Path, machines: dict[str, Namespace], core: Namespace) -> None:
        self.home = home
        self.core = core
        self.machines = machines
        self.file = home / "net" / "mesh.yaml"
        self.known_hosts = home / "known_hosts"

    @property
    def controller(self) -> Namespace:
        return self.machines["controller"]

    def write(self, text: str = TOPOLOGY) -> Path:
        self.file.parent.mkdir(exist_ok=True)
        self.file.write_text(text)
        return self.file

    def build(self) -> None:
        self.controller.meshc("build", str(self.file))

    def options(self) -> list[str]:
        config = str(self.home / "ssh_config")
        return ["--ssh-config", config, "--known-hosts", str(self.known_hosts)]

    def meshc(self, verb: str, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`meshc plan|deploy` on the controller."""
        return self.controller.meshc(verb, str(self.file), *args, *self.options(), check=check)

    def deploy(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """With a window that the slowest machine does not miss, where the test has none of its
        own."""
        window = () if "--window" in args else ("--window", "600")
        return self.meshc("deploy", "--yes", *window, *args, check=check)

    def address(self, name: str) -> str:
        """A machine's address inside the tunnel."""
        text = (self.file.parent / "build" / name / "wg0.conf").read_text()
        line = next(line for line in text.splitlines() if line.startswith("Address"))
        return line.partition("=")[2].strip().partition("/")[0]

    def pings(self, source: str, target: str) -> bool:
        argv = ["ping", "-n", "-c1", "-W1", self.address(target)]
        return self.machines[source].run(*argv, check=False).returncode == 0

    def wait_for_traffic(self, *names: str) -> None:
        """Every pair of them, both ways."""
        for source in names:
            for target in names:
                if source != target:
                    wait_until(
                        lambda s=source, t=target: self.pings(s, t), what=f"{source} to {target}"
                    )

    def plug(self, name: str, machine: Namespace) -> None:
        """Connects a machine that was made elsewhere, at the place that its name has."""
        number = PLACES[name]
        self.core.run("ip", "link", "delete", f"p{number}", check=False)
        _place(self.core, {name: machine}, name, number)
        # it keeps its network card when it boots again
        machine.run("ip", "link", "set", "wan", "address", f"02:00:00:00:00:{number:02x}")

    def leftovers(self, name: str) -> list[str]:
        """What lies in /etc/wireguard, hidden files as well."""
        return sorted(self.machines[name].shell("ls -A /etc/wireguard").split())


@contextlib.contextmanager
def field(home: Path, *names: str, segment: bool = True) -> Iterator[Field]:
    """A controller and the machines named, with sshd running in each of them."""
    require("sshd", "wg", "wg-quick", "wireguard-go", "iptables", "ping", "ssh-keygen")
    for key in ("host_key", "login"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / key)], check=True
        )
    (home / "sshd_config").write_text(_SSHD.format(home=home, path=login_path()))
    (home / "ssh_config").write_text(f"IdentityFile {home / 'login'}\nIdentitiesOnly yes\n")
    public = (home / "host_key.pub").read_text()
    (home / "known_hosts").write_text(
        "".join(f"{SEGMENT}.{number} {public}" for number in PLACES.values())
    )
    routers = [f"router{name[-1]}" for name in names if name.startswith("home")]
    with namespaces("segment", "controller", *names, *routers) as (core, *rest):
        made = dict(zip(("controller", *names, *routers), rest, strict=True))
        core.shell("ip link add br0 type bridge; ip link set br0 up")
        for name, number in PLACES.items():
            if name in made:
                _place(core, made, name, number)
        for name in names:
            made[name].shell(f"{_PRIVATE}install -m 644 {home}/login.pub /run/; mkdir -p /run/sshd")
            start_sshd(made[name], home / "sshd_config")
        yield Field(home, {name: made[name] for name in ("controller", *names)}, core)


def start_sshd(machine: Namespace, config: Path) -> None:
    machine.shell(f"/usr/sbin/sshd -f {shlex.quote(str(config))}")
    wait_until(lambda: ":22 " in machine.shell("ss -Htln"), what="sshd")


def more_sshd(net: Field, name: str, port: int, path: str) -> None:
    """A second way into a machine, whose programs are found in `path` and nowhere else."""
    config = net.home / f"sshd_{port}"
    text = (net.home / "sshd_config").read_text().replace("Port 22\n", f"Port {port}\n")
    config.write_text(text.replace(login_path(), path))
    net.machines[name].shell(f"/usr/sbin/sshd -f {shlex.quote(str(config))}")
    wait_until(lambda: f":{port} " in net.machines[name].shell("ss -Htln"), what="sshd")
    public = (net.home / "host_key.pub").read_text()
    with net.known_hosts.open("a") as file:
        file.write(f"[{SEGMENT}.{PLACES[name]}]:{port} {public}")


def _place(core: Namespace, made: dict[str, Namespace], name: str, number: int) -> None:
    outer = made[f"router{name[-1]}"] if name.startswith("home") else made[name]
    port = f"p{number}"
    connect(core, outer, left_name=port, right_name="wan")
    core.shell(f"ip link set {port} master br0")
    outer.shell(f"ip addr add {SEGMENT}.{number}/24 dev wan")
    if not name.startswith("home"):
        return
    net = f"10.0.{number}"
    connect(outer, made[name], left_name="lan", right_name="eth0")
    outer.shell(
        textwrap.dedent(f"""
        ip addr add {net}.1/24 dev lan
        sysctl -qw net.ipv4.ip_forward=1
        iptables -t nat -A POSTROUTING -o wan -j MASQUERADE
        iptables -t nat -A PREROUTING -i wan -p tcp --dport 22 -j DNAT --to {net}.2
        """)
    )
    made[name].shell(f"ip addr add {net}.2/24 dev eth0; ip route add default via {net}.1")
