"""The files of all outputs of a node, as artifacts."""

from __future__ import annotations

import pytest

from meshc.errors import Refused
from meshc.render.outputs.output_files import output_files
from meshc.topology.language.spec import Output
from tests.support.tunnels import tunnel


@pytest.mark.parametrize("output", list(Output))
def test_every_output_has_a_directory_and_says_what_to_do_with_it(output: Output) -> None:
    files = list(output_files(tunnel("laptop", outputs=(output,))))
    assert files
    for file in files:
        assert file.path.startswith(f"laptop/{output.value}/")
        assert file.mode == (0o600 if file.secret else 0o644)
        assert file.purpose
        # the build's readers take these for the node's own wg-quick file
        assert not file.path.endswith(".conf")


@pytest.mark.parametrize("output", list(Output))
def test_a_key_is_only_in_files_that_are_secret(output: Output) -> None:
    of = tunnel("laptop", outputs=(output,))
    secrets = [of.private_key, *(peer.preshared_key for peer in of.peers)]
    for file in output_files(of):
        holds = any(s is not None and s.reveal().encode() in file.content.reveal() for s in secrets)
        assert holds is file.secret


def test_what_a_program_cannot_do_is_a_refusal_of_the_node() -> None:
    with pytest.raises(Refused) as refused:
        list(output_files(tunnel("hub", outputs=(Output.NETWORKMANAGER,))))
    (found,) = refused.value.diagnostics
    assert (found.code, found.path) == ("E512", "nodes.hub.outputs")
    assert found.message.startswith("hub: NetworkManager runs no commands")
