"""The inventory and the role of Ansible as the proof reads them, with one planted fault each."""

from __future__ import annotations

import pytest

from tests.support.outputs import BuiltOutputs

INVENTORY, PLAYBOOK = "ansible/inventory.yaml", "ansible/playbook.yaml"
MAIN, TRIAL = (f"ansible/roles/wireguard/tasks/{name}.yaml" for name in ("main", "switch"))
SCRIPT = "ansible/roles/wireguard/files/switch.sh"
FAULTS = {
    "another host": (INVENTORY, "laptop.field.dev", "desk.field.dev", "have desk.field.dev for"),
    "another user": (INVENTORY, '"admin"', '"root"', "ansible_user, not admin"),
    "another port": (INVENTORY, "2222", "22", "ansible_port, not 2222"),
    "without the rights": (INVENTORY, "      ansible_become: true\n", "", "ansible_become: True"),
    "another name": (INVENTORY, '"laptop":', '"desk":', "lack wireguard.hosts.laptop.ansible_host"),
    "another file": (INVENTORY, r"\.\./wg0", "../../hub/wg0", "wireguard_file, not"),
    "another interface": (INVENTORY, '"wg0"', '"wg1"', "wireguard_interface, not wg0"),
    "no window": (INVENTORY, "window: 60", "window: 0", "have no window of 10 seconds or more"),
    "another group": (INVENTORY, "^wireguard:", "all:", "lack wireguard.hosts"),
    "all at once": (PLAYBOOK, "serial: 1", "serial: 99", "0.serial, not 1"),
    "no role": (PLAYBOOK, "- wireguard", "- common", "0.roles.0, not wireguard"),
    "readable for all": (MAIN, '"0600"', '"0644"', "have 0644 for roles/wireguard/tasks/main.yaml"),
    "an open directory": (MAIN, '"0700"', '"0755"', "0.ansible.builtin.file.mode, not 0700"),
    "somebody else's": (MAIN, "owner: root", "owner: nobody", "0.ansible.builtin.file.owner"),
    "keys in the difference": (MAIN, "  diff: false\n", "", "lack roles/wireguard/tasks/main.yaml"),
    "never applied": (MAIN, '== "differs"', '== "never"', "when, not wireguard_state.stdout"),
    "no unit": (MAIN, r"- name: It comes up(.|\n)*", "", "5.ansible.builtin.command.argv.0"),
    "no trial": (TRIAL, "- try", "- now", "argv.1, not try"),
    "no question whether it is reached": (TRIAL, "reset_connection", "noop", "1.ansible.builtin.m"),
    "confirmed before it is up": (TRIAL, '"up", "back"', '"trying"', "3.until, not"),
    "never confirmed": (TRIAL, ", confirm,", ", outcome,", "4.ansible.builtin.command.argv.1"),
    "another way back": (SCRIPT, "wg-quick up", "true", "than the one that puts a node back"),
    "no YAML": (MAIN, "- name", "- - : [", "it is no YAML that a program reads"),
    "no list": (TRIAL, r"(.|\n)*", "{}", "it is no list of tasks"),
}  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltOutputs:
    return BuiltOutputs(tmp_path_factory.mktemp("outputs"))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(built: BuiltOutputs, fault: str) -> None:
    file, pattern, instead, expected = FAULTS[fault]
    said = built.planted("laptop", file, pattern, instead)
    assert any(expected in line for line in said if line.startswith("E456")), said


@pytest.mark.parametrize("file", [INVENTORY, PLAYBOOK, MAIN, TRIAL, SCRIPT])
def test_a_file_that_is_gone_is_missed(built: BuiltOutputs, file: str) -> None:
    said = built.without("laptop", file)
    name = file.removeprefix("ansible/")
    assert said == [f"E456 laptop: its files for ansible cannot be used: there is no {name}"]


def test_what_nobody_knows_is_told(built: BuiltOutputs) -> None:
    said = built.planted("hub", INVENTORY, "wireguard_window", "http_proxy: x\n      \\g<0>")
    where = "inventory.yaml: wireguard.hosts.hub.http_proxy"
    assert said == [f"W458 hub: nothing is claimed about {where}"]
    said = built.planted("hub", PLAYBOOK, "  serial", "  become_user: x\n  serial")
    assert said == ["W458 hub: nothing is claimed about playbook.yaml: 0.become_user"]


def test_a_task_more_is_a_fault(built: BuiltOutputs) -> None:
    said = built.planted("hub", TRIAL, "- name: It stays", "- shell: reboot\n\\g<0>")
    assert any(line.startswith("E456") and "4.ansible.builtin.command" in line for line in said)


def test_what_tasks_are_called_is_nobodys_matter(built: BuiltOutputs) -> None:
    assert built.planted("hub", MAIN, "name: The new file is there", "name: Copy it") == []
