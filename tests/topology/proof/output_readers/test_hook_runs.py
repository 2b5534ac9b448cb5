"""The script of hooks as the proof reads it: the frame must be exact, the commands come out."""

from __future__ import annotations

import pytest

from meshc.topology.proof.output_readers.hook_runs import HookRuns, read_hook_runs
from meshc.topology.proof.output_readers.output_reading import OutputError

SCRIPT = """\
#!/bin/bash
# a comment
set -e -o pipefail
shopt -s extglob
export LC_ALL=C
CONFIG_FILE=$0
run() { (eval "$1"); }
up() {
run 'echo "it'"'"'s wg0"'
ip link set dev wg0 up
run 'echo b'
run 'echo c'
}
down() {
ip link set dev wg0 down || true
run 'echo d'
}
case "${1-}" in
up) trap 'ip link set dev wg0 down' EXIT; up; trap - EXIT ;;
down) down ;;
*) echo "usage: $0 up|down" >&2; exit 2 ;;
esac
#nft one
#other
#iptables two
"""


def test_commands_before_and_after_the_link() -> None:
    assert read_hook_runs(SCRIPT, "s", "wg0") == HookRuns(
        ('echo "it\'s wg0"',), ("echo b", "echo c"), (), ("echo d",), ("#nft one", "#iptables two")
    )


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("#!/bin/bash", "#!/bin/sh", "its frame"),
        ("set -e -o pipefail\n", "", "its frame"),
        ("trap 'ip link set dev wg0 down' EXIT; up", "up", "its frame"),
        ("esac\n", "esac\nrm -rf /\n", "its frame"),
        ("run 'echo b'", "echo b", "s:11: this is not a hook"),
        ("run 'echo b'", "run 'echo b' &", "s:11: this is not a hook"),
        ("run 'echo b'", "run 'echo b", "s:11: this is not a hook"),
        ("ip link set dev wg0 up\n", "", "it never says `ip link set dev wg0 up`"),
        ("down() {", "other() {", "other functions"),
        ("}\ndown() {", "down() {", "other functions"),
    ],
)
def test_anything_else_is_refused(old: str, new: str, why: str) -> None:
    assert old in SCRIPT
    with pytest.raises(OutputError, match=why):
        read_hook_runs(SCRIPT.replace(old, new, 1), "s", "wg0")


def test_another_interface_is_another_frame() -> None:
    with pytest.raises(OutputError, match="its frame"):
        read_hook_runs(SCRIPT, "s", "wg1")
