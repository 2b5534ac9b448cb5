"""The user data of cloud-init, read back: what is installed, written and started."""

from __future__ import annotations

from collections.abc import Mapping

from meshc.topology.proof.output_readers.carried_conf import (
    CarriageReading,
    Carried,
    compared,
    documents,
    leaves,
    only,
)
from meshc.topology.proof.output_readers.output_reading import OutputError

_UNIT = """\
[Unit]
Description=Brings {interface} up once its configuration is there

[Path]
PathExists=/etc/wireguard/{interface}.conf
Unit=wg-quick@{interface}.service

[Install]
WantedBy=multi-user.target
"""
_CONTENT = "write_files.0.content"


def read_user_data(files: Mapping[str, str], carried: Carried) -> CarriageReading:
    """Of a machine that waits for its file. Raises: OutputError."""
    found, faults = _read(files, carried)
    interface = carried.interface
    wanted = {
        "write_files.0.path": f"/etc/systemd/system/{interface}-arrives.path",
        "write_files.0.permissions": "0644",
        **_started(f"{interface}-arrives.path"),
    }
    if found.pop(_CONTENT, "") != _UNIT.format(interface=interface):
        faults.append(f"have another unit than the one that waits for {interface}.conf")
    keys = [peer.preshared_key for peer in carried.conf.peers if peer.preshared_key is not None]
    text = only(files)[1]
    private = carried.conf.private_key
    if any(key.reveal() in text for key in keys) or (private and private.reveal() in text):
        faults.append("hold a key, which nobody asked for")
    return compared(wanted, found, faults)


def read_user_data_with_keys(files: Mapping[str, str], carried: Carried) -> CarriageReading:
    """Of a machine that gets its file at once. Raises: OutputError."""
    found, faults = _read(files, carried)
    interface = carried.interface
    wanted = {
        "write_files.0.path": f"/etc/wireguard/{interface}.conf",
        "write_files.0.permissions": "0600",
        **_started(f"wg-quick@{interface}.service"),
    }
    faults += carried.differences(found.pop(_CONTENT, ""), only(files)[0])
    return compared(wanted, found, faults)


def _started(unit: str) -> dict[str, str]:
    words = ("systemctl", "enable", "--now", unit)
    return {
        "package_update": "True",
        "write_files.0.owner": "root:root",
        **{f"runcmd.0.{number}": word for number, word in enumerate(words)},
    }


def _runs_iptables(line: str) -> bool:
    """Not in a quoted word, and not in a question whether there is one."""
    commands = line.replace("||", ";").replace("|", ";").replace("then ", ";").split(";")
    return any(one.strip().startswith(("iptables", "ip6tables")) for one in commands)


def _read(files: Mapping[str, str], carried: Carried) -> tuple[dict[str, str], list[str]]:
    """Its settings but for the packages, and what is wrong with these."""
    file, text = only(files)
    if not text.startswith("#cloud-config\n"):
        raise OutputError(f"{file}: cloud-init takes it for something else than #cloud-config")
    found = documents(text, file)
    if len(found) != 1:
        raise OutputError(f"{file}: it holds {len(found)} documents, where cloud-init reads one")
    packages = found[0].pop("packages", None)
    installed = packages if isinstance(packages, list) else []
    conf = carried.conf
    needed = ["wireguard-tools"]
    lines = (*conf.pre_up, *conf.post_up)
    needed += ["iptables"] * any(map(_runs_iptables, lines))
    # the other way is taken where there is no iptables, which is installed then
    needed += ["nftables"] * any("| nft -f" in s and not s.startswith("if ! ") for s in lines)
    needed += ["openresolv"] if conf.dns else []
    return dict(leaves(found[0])), [
        f"do not install {one}" for one in needed if one not in installed
    ]
