"""What outputs that carry the wg-quick file have in common."""

from __future__ import annotations

import pytest

from meshc.topology.proof.expectation import NodeFacts
from meshc.topology.proof.output_readers.carried_conf import (
    Carried,
    compared,
    documents,
    leaves,
    only,
)
from meshc.topology.proof.output_readers.output_reading import OutputError
from meshc.wg.conf import parse
from tests.support.wire import private_key

TEXT = f"""\
[Interface]
PrivateKey = {private_key("laptop").reveal()}
Address = 10.44.0.2/32, fd44::2/128
PostUp = echo %i; sysctl -w net.ipv4.ip_forward=1
[Peer]
PublicKey = {private_key("hub").public_key()}
AllowedIPs = 10.44.0.0/24
"""


def carried(text: str = TEXT) -> Carried:
    return Carried(parse(text), NodeFacts(name="laptop"), {})


def test_a_copy_is_the_same_file_in_another_place() -> None:
    assert carried().differences(TEXT, "copy") == []
    assert carried().differences("# another comment\n" + TEXT, "copy") == []
    assert carried().differences(TEXT.replace("echo", "true"), "copy") == [
        "lack the hook `echo wg0; sysctl -w net.ipv4.ip_forward=1`"
    ]
    with pytest.raises(OutputError, match="copy: wg-quick would refuse"):
        carried().differences("Address\n", "copy")


def test_settings_that_a_container_must_be_given() -> None:
    """Where /proc/sys is read-only, wg-quick fails at the first that is not so."""
    off = {"net.ipv6.conf.all.disable_ipv6": "0", "net.ipv6.conf.default.disable_ipv6": "0"}
    assert carried().settings() == {"net.ipv4.ip_forward": "1", **off}
    whole = TEXT.replace("10.44.0.0/24", "0.0.0.0/0").replace("sysctl", "echo")
    assert carried(whole).settings() == {
        "net.ipv4.conf.all.src_valid_mark": "1",
        "net.ipv4.ip_forward": "1",
        **off,
    }
    assert carried(TEXT.replace(", fd44::2/128", "").replace("ip_forward", "x")).settings() == {}


def test_paths_of_scalars() -> None:
    assert dict(leaves({"a": [{"b": 1}, "c"], "d": {}, 5: True})) == {
        "a.0.b": "1", "a.1": "c", "5": "True",
    }  # fmt: skip


def test_what_is_there_beside_is_not_judged() -> None:
    read = compared({"a": "1", "b": "*", "c": "3", "d": "*"}, {"a": "2", "b": "9", "e": "0"}, ["x"])
    assert read.faults == ("have 2 for a, not 1", "lack c: 3", "lack d", "x")
    assert read.unknown == ("e",)


@pytest.mark.parametrize(
    "text", ["a: [", "- a", "a: 1\na: 2", "a: !!python/name:os.system", "[" * 9999]
)
def test_what_no_program_reads_is_refused(text: str) -> None:
    with pytest.raises(OutputError, match=r"^f: it is no"):
        documents(text, "f")


def test_one_file_is_one_file() -> None:
    assert only({"a": "b"}) == ("a", "b")
    for files in ({}, {"a": "", "b": ""}):
        with pytest.raises(OutputError, match="where one is needed"):
            only(files)
