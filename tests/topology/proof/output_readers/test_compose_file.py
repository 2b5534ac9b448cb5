"""The file of docker compose as the proof reads it, with one planted fault each."""

from __future__ import annotations

import pytest

from tests.support.outputs import BuiltOutputs

FILE = "compose/compose.yaml"
# pattern, what stands in its place, what is said
FAULTS = {
    "another file": (r"\.\./wg0.conf", "../wg1.conf", "have ../wg1.conf:"),
    "another place": ("/etc/wireguard/wg0.conf:ro", "/etc/wg0.conf:ro", "services.wg0.volumes.0"),
    "a file that it may write": (":ro", ":rw", "services.wg0.volumes.0"),
    "no file": (r"    volumes.*\n", "", "lack services.wg0.volumes.0"),
    "no capability": (r"    cap_add.*\n", "", "lack services.wg0.cap_add.0: NET_ADMIN"),
    "another capability": ("NET_ADMIN", "NET_RAW", "have NET_RAW for services.wg0.cap_add.0"),
    "no port": (r"    ports.*\n", "", "lack services.wg0.ports.0: 51820:51820/udp"),
    "another port": ("51820:51820/udp", "51821:51820/udp", "have 51821:51820/udp"),
    "TCP": ("51820/udp", "51820/tcp", "have 51820:51820/tcp"),
    "no forwarding": (r"      net.ipv4.ip_forward.*\n", "",
        "lack services.wg0.sysctls.net.ipv4.ip_forward: 1"),
    "IPv6 switched off": ('all.disable_ipv6: "0"', 'all.disable_ipv6: "1"',
        "have 1 for services.wg0.sysctls.net.ipv6.conf.all.disable_ipv6, not 0"),
    "another interface": ("wg-quick up wg0", "wg-quick up wg1", "services.wg0.entrypoint.2"),
    "nothing that starts it": (r"    entrypoint.*\n", "", "lack services.wg0.entrypoint.0"),
    "gone after a reboot": ("    restart: unless-stopped\n", "", "lack services.wg0.restart"),
    "no YAML": ("services:", "services: [", "it is no YAML that a program reads"),
    "a key twice": ("services:", "services: {}\nservices:", "it is no YAML that a program reads"),
    "two documents": ("services:", "a: b\n---\nservices:", "it holds 2 documents"),
    "a list": ("services:\n", "- services:\n", "cannot be used: "),
}  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltOutputs:
    return BuiltOutputs(tmp_path_factory.mktemp("outputs"))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(built: BuiltOutputs, fault: str) -> None:
    pattern, instead, expected = FAULTS[fault]
    said = built.planted("hub", FILE, pattern, instead)
    assert any(expected in line for line in said if line.startswith("E456")), said


def test_the_user_of_an_exit_needs_the_mark(built: BuiltOutputs) -> None:
    assert built.planted("laptop", FILE, r"      net.ipv4.conf.all.src_valid_mark.*\n", "") == [
        "E456 laptop: its files for compose lack "
        "services.wg0.sysctls.net.ipv4.conf.all.src_valid_mark: 1"
    ]


def test_what_nobody_knows_is_told(built: BuiltOutputs) -> None:
    said = built.planted("hub", FILE, "    restart", "    privileged: true\n    restart")
    assert said == ["W458 hub: nothing is claimed about compose.yaml: services.wg0.privileged"]
