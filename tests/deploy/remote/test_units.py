"""Units: what is written, and that systemd reads it as it was meant."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from meshc.deploy.protocol import UNITS, Directories
from meshc.deploy.remote import units
from meshc.deploy.remote.base import Refusal
from meshc.deploy.remote.managed_interface import ManagedInterface
from tests.support.booted import booted_machine

WG_QUICK, MESHC = UNITS
CONF = "[Interface]\nAddress = 10.0.0.1/32\n"
WORDS = ("plain", "two words", 'a"quote', "a\\slash", "%i %% %h", "$HOME ${HOME}", "#;'`", "é\ttab")


def interface(name: str = "wg0") -> ManagedInterface:
    return ManagedInterface(name, Directories())


def test_a_drop_in_holds_the_environment_and_keeps_where_peers_were() -> None:
    """They are written down before wg-quick takes the interface away, and set when it is back."""
    text = units.text_of(interface(), WG_QUICK, {"B": "two words", "A": "100%"}, CONF, "{}")
    program = f'"{sys.executable}" "/var/lib/meshc/deploy/wg0/program.py"'
    rest = '"wg0" "/etc/wireguard" "/var/lib/meshc/deploy" "/opt/meshc" "-"'
    assert text == (
        '# Written by meshc deploy.\n[Service]\nEnvironment="A=100%%"\nEnvironment="B=two words"\n'
        f'ExecStartPost=-{program} "set-endpoints" {rest}\n'
        f'ExecStop=\nExecStop=-{program} "save-endpoints" {rest}\n'
        f'ExecStop="{shutil.which("wg-quick") or "/usr/bin/wg-quick"}" down "wg0"\n'
        f'ExecStartPost=-{program} "look-after" {rest}\n'
    )


def test_each_interface_has_files_of_its_own() -> None:
    for unit in UNITS:
        assert units.path_of(interface("wg0"), unit) != units.path_of(interface("wg1"), unit)


@pytest.mark.parametrize(
    ("line", "limited"),
    [
        ("", True),
        ("PostUp = own", True),
        ("PostUp = somebody's", False),
        ("  predown=somebody's", False),
        ("# PostUp = nobody's", True),
    ],
)
def test_only_a_file_without_hooks_is_limited(line: str, limited: bool) -> None:
    node_json = json.dumps({"generated_hooks": ["own"]})
    text = units.text_of(interface(), MESHC, {}, f"{CONF}{line}\n", node_json)
    assert ("CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW" in text) == limited
    assert ("ProtectSystem=strict" in text) == limited


@pytest.mark.parametrize(("line", "writable"), [("", False), ("DNS = 192.0.2.1", True)])
def test_etc_is_writable_for_resolv_conf_alone(line: str, writable: bool) -> None:
    text = units.text_of(interface(), MESHC, {}, f"{CONF}{line}\n", "{}")
    assert (" /etc\n" in text) == writable


def test_the_engine_is_one_word() -> None:
    text = units.text_of(interface(), MESHC, {"MESHC_ENGINE": "/opt/my $x/e"}, CONF, "{}")
    assert ' --engine "/opt/my $$x/e"\n' in text


@pytest.mark.parametrize("kind", ["legacy", "nft"])
def test_the_old_iptables_gets_its_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """With more rights than what follows: it calls modprobe, which the limits do not allow."""
    for name in (f"xtables-{kind}-multi", "modprobe"):
        (tmp_path / name).touch(0o755)
    (tmp_path / "iptables").symlink_to(f"xtables-{kind}-multi")
    monkeypatch.setenv("PATH", str(tmp_path))
    text = units.text_of(interface(), MESHC, {}, CONF, "{}")
    wanted = f"ExecStartPre=-+{tmp_path}/modprobe -aq ip_tables ip6_tables\nExecStart="
    assert (wanted in text) == (kind == "legacy")


def test_a_name_that_the_unit_of_wg_quick_cannot_have() -> None:
    with pytest.raises(Refusal, match="interface of another name"):
        units.text_of(interface("a+b"), WG_QUICK, {}, CONF, "{}")
    assert units.path_of(interface("a+b"), MESHC).endswith("/meshc@a\\x2bb.service")


@pytest.mark.root
def test_systemd_reads_every_word_as_it_was() -> None:
    with booted_machine("words") as machine:
        machine.write(
            "/usr/local/bin/say", '#!/bin/sh\nprintf "%s\\n" "$WORD" "$@" > /run/said\n', 0o755
        )
        machine.boot()
        for word in WORDS:
            environment = units.quoted(f"WORD={word}")
            machine.write(
                "/etc/systemd/system/say.service",
                f"[Service]\nType=oneshot\nEnvironment={environment}\n"
                f"ExecStart=/usr/local/bin/say {units.argument(word)} end\n",
            )
            machine.shell("systemctl daemon-reload; systemctl start say")
            assert machine.shell("cat /run/said") == f"{word}\n{word}\nend\n"


def test_nobody_looks_after_an_interface_that_is_not_to_be_watched() -> None:
    """`deploy: {watch: false}`."""
    text = units.text_of(interface(), WG_QUICK, {"MESHC_WATCH": "off"}, CONF, "{}")
    assert "look-after" not in text


@pytest.mark.parametrize(("version", "again"), [("243", False), ("244", True)])
def test_a_start_that_fails_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, again: bool
) -> None:
    """By a systemd that allows it: an older one would refuse the unit."""
    program = tmp_path / "systemctl"
    program.write_text(f"#!/bin/sh\necho 'systemd {version} (x)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(units, "runs", lambda: True)
    for unit in UNITS:
        text = units.text_of(interface(), unit, {}, CONF, "{}")
        assert ("\nRestart=on-failure\nRestartSec=10\n" in text) == again
