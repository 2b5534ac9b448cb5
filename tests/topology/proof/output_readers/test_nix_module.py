"""The module for NixOS as the proof reads it, with one planted fault each."""

from __future__ import annotations

import pytest

from tests.support.outputs import BuiltOutputs

FILE = "nixos/wg0.nix"
FAULTS = {
    "a file in the store": ('"/etc/wireguard/wg0.conf"', "/etc/wireguard/wg0.conf",
        "have /etc/wireguard/wg0.conf for networking.wg-quick"),
    "another file": ('"/etc/wireguard/wg0.conf"', '"/etc/wg0.conf"', 'have "/etc/wg0.conf" for'),
    "another interface": ('interfaces."wg0"', 'interfaces."wg1"', "lack networking.wg-quick"),
    "no port": (r"  networking.firewall.allowedUDPPorts.*\n", "",
        "lack networking.firewall.allowedUDPPorts: [ 51820 ]"),
    "another port": ("51820", "51821", "have [ 51821 ] for networking.firewall"),
    "TCP": ("allowedUDPPorts", "allowedTCPPorts", "lack networking.firewall.allowedUDPPorts"),
    "no programs": (r"  systemd.services.*\n", "", 'lack systemd.services."wg-quick-wg0".path'),
    "no iptables": ("iptables ", "", "have with pkgs; [ iproute2 nftables"),
    "code": ("51820", "(import ./x.nix) ", "have [ (import ./x.nix) ]"),
    "more code": (r"\n}\n", "\n  imports = [ ./x.nix ];\n  x = { };\n}\n", "it is no plain module"),
    "another function": (r"{ pkgs, \.\.\. }:", "{ pkgs, ... }: let a = 1; in",
        "it is no plain module"),
    "a setting twice": (r"\n}\n", "\n  networking.firewall.allowedUDPPorts = [ ];\n}\n",
        "it is no plain module"),
}  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltOutputs:
    return BuiltOutputs(tmp_path_factory.mktemp("outputs"))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(built: BuiltOutputs, fault: str) -> None:
    pattern, instead, expected = FAULTS[fault]
    said = built.planted("hub", FILE, pattern, instead)
    assert any(expected in line for line in said if line.startswith("E456")), said


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [("wg0.nix", "wg1.nix"), (r"\./\.", "../.."), ("default", "other"), (r"(.|\n)*", "{ }")],
)
def test_another_flake_is_found(built: BuiltOutputs, pattern: str, instead: str) -> None:
    said = built.planted("hub", "nixos/flake.nix", pattern, instead)
    assert said == ["E456 hub: its files for nixos have another flake.nix"]


def test_a_flake_that_is_gone_is_missed(built: BuiltOutputs) -> None:
    said = built.without("hub", "nixos/flake.nix")
    assert said == ["E456 hub: its files for nixos have another flake.nix"]


def test_the_user_of_an_exit_hears_answers(built: BuiltOutputs) -> None:
    """NixOS drops what comes in beside the default route unless told otherwise."""
    assert built.planted("laptop", FILE, r"  networking.firewall.checkReversePath.*\n", "") == [
        'E456 laptop: its files for nixos lack networking.firewall.checkReversePath: "loose"'
    ]


def test_what_nobody_knows_is_told(built: BuiltOutputs) -> None:
    said = built.planted("hub", FILE, r"\n}\n", "\n  boot.isContainer = true;\n}\n")
    assert said == ["W458 hub: nothing is claimed about wg0.nix: boot.isContainer"]
