"""The module for NixOS, read back: the few settings that it makes, in the shape that it has."""

from __future__ import annotations

import re
from collections.abc import Mapping

from meshc.topology.proof.output_readers.carried_conf import (
    CarriageReading,
    Carried,
    compared,
    only,
)
from meshc.topology.proof.output_readers.conf_differences import wg_quick_routes
from meshc.topology.proof.output_readers.output_reading import OWN, OutputError

_MODULE = re.compile(r"\{ pkgs, \.\.\. \}:\s*\{\s*(?P<body>.*?)\s*\}\s*\Z", re.DOTALL)
_SETTING = re.compile(r'(?P<name>[\w."%=+-]+)\s*=\s*(?P<value>[^;{}]+?)\s*;\s*')
_FLAKE = "flake.nix"
_TOOLS = "with pkgs; [ iproute2 iptables nftables procps gnugrep gnused coreutils ]"


def read_nix_module(files: Mapping[str, str], carried: Carried) -> CarriageReading:
    """Raises: OutputError for what is not a plain list of settings."""
    flake = " ".join(files.get(_FLAKE, "").split())
    file, text = only({name: text for name, text in files.items() if name != _FLAKE})
    code = re.sub(r"(?m)^#.*\n", "", text)
    module = _MODULE.match(code)
    if module is None:
        raise OutputError(f"{file}: it is no plain module")
    body, found = module["body"].replace("with pkgs;", "with pkgs,"), {}
    at = 0
    while at < len(body):
        setting = _SETTING.match(body, at)
        if setting is None or setting["name"] in found:
            raise OutputError(f"{file}: it is no plain module")
        found[setting["name"]] = " ".join(setting["value"].replace("pkgs,", "pkgs;").split())
        at = setting.end()
    conf, interface = carried.conf, carried.interface
    wanted = {
        f'networking.wg-quick.interfaces."{interface}".configFile': (
            f'"/etc/wireguard/{interface}.conf"'
        )
    }
    if conf.listen_port is not None:
        wanted["networking.firewall.allowedUDPPorts"] = f"[ {conf.listen_port} ]"
    if any(table == OWN for table, _ in wg_quick_routes(conf)):
        wanted["networking.firewall.checkReversePath"] = '"loose"'
    hooks = (*conf.pre_up, *conf.post_up, *conf.pre_down, *conf.post_down)
    if any(not line.startswith("wg set %i private-key") for line in hooks):
        wanted[f'systemd.services."wg-quick-{interface}".path'] = _TOOLS
    module_path = f'./. + "/{file}"'
    right = f"{{ outputs = {{ self }}: {{ nixosModules.default = {module_path}; }}; }}"
    reading = compared(wanted, found, [] if flake == right else [f"have another {_FLAKE}"])
    return CarriageReading(reading.faults, tuple(f"{file}: {one}" for one in reading.unknown))
