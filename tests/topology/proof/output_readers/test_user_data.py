"""The user data of cloud-init as the proof reads them, with one planted fault each."""

from __future__ import annotations

import pytest

from tests.support.outputs import BuiltOutputs

OTHER_KEY = "6LEQ/jz6xODHJhx+RpJ0mSFAnNr7AK+AefSqzrKVf0w="
FILE, WITH_KEYS = "cloud-init/user-data.yaml", "cloud-init-with-keys/user-data.yaml"
FAULTS = {
    "no header": ("#cloud-config\n", "", "takes it for something else"),
    "no package": ('"wireguard-tools", ', "", "do not install wireguard-tools"),
    "no firewall": (', "iptables"', "", "do not install iptables"),
    "no list of packages": ("package_update: true\n", "", "lack package_update"),
    "another place": ("wg0-arrives.path", "wg0.path", "write_files.0.path"),
    "another unit": ("PathExists", "PathChanged", "have another unit"),
    "another file": ("/etc/wireguard/wg0.conf", "/etc/wg0.conf", "have another unit"),
    "not started": ("--now", "--no-block", "have --no-block for runcmd.0.2, not --now"),
    "nothing started": (r"runcmd:\n.*\n", "", "lack runcmd.0.0"),
    "another owner": ("root:root", "nobody:root", "write_files.0.owner"),
    "a mode": ('"0644"', '"0666"', "write_files.0.permissions"),
    "no YAML": ("runcmd:", "runcmd: {", "it is no YAML that a program reads"),
    "two documents": ("runcmd:", "---\nruncmd:", "it holds 2 documents"),
}
FAULTS_WITH_KEYS = {
    "open to everybody": ('"0600"', '"0644"', "have 0644 for write_files.0.permissions"),
    "another key": (r"PrivateKey = \S+", f"PrivateKey = {OTHER_KEY}", "have another private key"),
    "another PSK": (r"PresharedKey = \S+", f"PresharedKey = {OTHER_KEY}",
        "have another pre-shared key for desk"),
    "another address": ("Address = 10.44.0.1/32", "Address = 10.44.0.9/32",
        "lack the address 10.44.0.1/32"),
    "a rule that is missing": (r"      PostUp = iptables -w -A MESHC-FWD-%i -i %i -j DROP\n", "",
        "lack the hook `iptables -w -A MESHC-FWD-wg0 -i wg0 -j DROP`"),
    "another MTU": ("MTU = 1420", "MTU = 1280", "have 1280 for MTU, not 1420"),
    "another table": ("MTU = 1420", "MTU = 1420\n      Table = off", "lack the route"),
    "it writes itself": ("MTU = 1420", "MTU = 1420\n      SaveConfig = true", "have another SaveC"),
    "no port": (r"      ListenPort = 51820\n", "", "have nothing for ListenPort, not 51820"),
    "another place": ("/etc/wireguard/wg0.conf", "/etc/wireguard/wg1.conf", "write_files.0.path"),
    "another unit": ("wg-quick@wg0", "wg-quick@wg1", "runcmd.0.3"),
    "no file of wg-quick": ("ListenPort = 51820", "ListenPort = http",
        "wg-quick would refuse the file in it"),
}  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltOutputs:
    return BuiltOutputs(tmp_path_factory.mktemp("outputs"))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_machine_that_waits_is_found(built: BuiltOutputs, fault: str) -> None:
    pattern, instead, expected = FAULTS[fault]
    said = built.planted("hub", FILE, pattern, instead)
    assert any(expected in line for line in said if line.startswith("E456")), said


@pytest.mark.parametrize("fault", FAULTS_WITH_KEYS)
def test_a_fault_of_a_machine_with_its_keys_is_found(built: BuiltOutputs, fault: str) -> None:
    pattern, instead, expected = FAULTS_WITH_KEYS[fault]
    said = built.planted("hub", WITH_KEYS, pattern, instead)
    assert any(expected in line for line in said if line.startswith("E456")), said
    assert all(OTHER_KEY not in line for line in said)


def test_a_key_that_nobody_asked_for_is_found(built: BuiltOutputs) -> None:
    """Wherever it stands, if only in a comment."""
    private = built.files["hub"].conf.private_key
    assert private is not None
    said = built.planted("hub", FILE, "runcmd:", f"# {private.reveal()}\nruncmd:")
    assert said == ["E456 hub: its files for cloud-init hold a key, which nobody asked for"]
    psk = built.files["hub"].whole().peers[0].preshared_key
    assert psk is not None
    said = built.planted("hub", FILE, "runcmd:", f"bootcmd: [echo {psk.reveal()}]\nruncmd:")
    assert "E456 hub: its files for cloud-init hold a key, which nobody asked for" in said


def test_what_nobody_knows_is_told(built: BuiltOutputs) -> None:
    said = built.planted("hub", FILE, "runcmd:", "ssh_pwauth: true\nruncmd:")
    assert said == ["W458 hub: nothing is claimed about user-data.yaml: ssh_pwauth"]
