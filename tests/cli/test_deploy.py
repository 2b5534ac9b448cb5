"""`meshc deploy` on the machine itself: nothing without a yes, and then what was built."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.localnode import LocalNode, local_node
from tests.support.netns import needs_root

pytestmark = [*needs_root, pytest.mark.slow]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LocalNode]:
    with local_node(tmp_path) as made:
        yield made


def conf(node: LocalNode) -> str:
    return node.machine.shell("cat /etc/wireguard/wg0.conf")


def test_without_a_yes_and_without_a_terminal_nothing_is_changed(node: LocalNode) -> None:
    before = node.state()
    done = node.meshc("deploy")
    assert done.returncode == 1
    assert "without a terminal, --yes says that this is meant" in done.stderr
    told = node.meshc("deploy", "--json")
    assert told.returncode == 1
    assert json.loads(told.stdout)["nodes"][0]["cost"] == "start"
    assert node.state() == before


def test_json_is_the_outcome_and_a_second_time_nothing_is_done(node: LocalNode) -> None:
    built = node.build(mtu=1380)
    done = node.meshc("deploy", "--yes", "--json")
    assert (done.returncode, json.loads(done.stdout)["nodes"][0]["node"]) == (0, "hub")
    assert conf(node) == built
    assert "mtu 1380" in node.machine.shell("ip -o link show wg0")
    before = node.state()
    again = node.meshc("deploy", "--yes")
    assert (again.returncode, "Nothing to change" in again.stdout) == (0, True)
    assert node.state() == before


def test_what_somebody_else_changed_is_lost_only_when_told_so(node: LocalNode) -> None:
    node.meshc("deploy", "--yes")
    node.machine.shell("echo '# mine' >> /etc/wireguard/wg0.conf")
    built = node.build(mtu=1300)
    before = node.state()
    refused = node.meshc("deploy", "--yes")
    assert refused.returncode == 1
    assert "hub: changed by somebody else. Nothing was changed" in refused.stderr
    assert node.state() == before
    done = node.meshc("deploy", "--yes", "--overwrite-drift")
    assert done.returncode == 0
    assert conf(node) == built
    (kept,) = re.findall(r"lies in (/etc/wireguard/wg0\.conf\.[0-9-]+)", done.stdout)
    assert node.machine.shell(f"tail -1 {kept}; stat -c %a {kept}") == "# mine\n600\n"


def test_a_node_where_something_is_in_the_way_is_not_begun(node: LocalNode) -> None:
    before = node.state()
    node.machine.shell('mount --bind /dev/null "$(command -v wg-quick)"')
    done = node.meshc("deploy", "--yes")
    assert done.returncode == 1
    assert "E703" in done.stderr
    assert done.stderr.endswith("Nothing was changed.\n")
    assert node.state() == before
