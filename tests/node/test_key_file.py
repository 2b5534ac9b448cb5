"""A private key that stays in a file of the node: read by `meshc up` itself, and told by nobody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meshc.errors import NodeError
from meshc.keys import PrivateKey
from meshc.node.key_file import key_file_line, stored_key
from meshc.node.nodefile import read
from meshc.wg.conf import Conf
from tests.support import wgconf
from tests.support.netns import namespaces, needs_root, require

KEY = PrivateKey.generate()


def conf_of(path: object) -> Conf:
    return Conf(post_up=(f"wg set %i private-key {path}",))


def test_it_is_read_and_the_line_is_run_by_nobody(tmp_path: Path) -> None:
    stored = tmp_path / "wg0.key"
    stored.write_text(f"{KEY.reveal()}\n")
    text = wgconf.interface("Address = 10.9.0.1/32", key=KEY)
    text = text.replace(f"PrivateKey = {KEY.reveal()}\n", "")
    line = f"wg set %i private-key {tmp_path}/%i.key"
    path = wgconf.write(tmp_path, "wg0", f"{text}PostUp = {line}\nPostUp = logger up\n")
    file = read(path)
    assert file.conf.private_key is None
    assert file.hooks(file.conf.post_up) == ("logger up",)
    found = stored_key(file.conf, "wg0")
    assert found is not None
    assert found.reveal() == KEY.reveal()


def test_a_name_with_a_space_is_one_word(tmp_path: Path) -> None:
    stored = tmp_path / "own key"
    stored.write_text(KEY.reveal())
    assert stored_key(conf_of(f"'{stored}'"), "wg0") == KEY


@pytest.mark.parametrize(
    "path", ["$HOME/key", "/etc/key; reboot", "<(pass show key)", "/dev/stdin | x", "key", "'/a b"]
)
def test_a_line_that_does_more_stays_a_hook(path: str) -> None:
    assert key_file_line(conf_of(path)) == ""
    assert stored_key(conf_of(path), "wg0") is None


def test_a_key_in_the_file_itself_counts(tmp_path: Path) -> None:
    conf = Conf(private_key=KEY, post_up=(f"wg set %i private-key {tmp_path}/none",))
    assert key_file_line(conf) == ""
    assert stored_key(conf, "wg0") == KEY


def test_what_cannot_be_read_is_told_without_what_was_read(tmp_path: Path) -> None:
    stored = tmp_path / "key"
    with pytest.raises(NodeError, match="No such file"):
        stored_key(conf_of(stored), "wg0")
    stored.write_text("c2VjcmV0\n")
    with pytest.raises(NodeError, match="there is no private key in it") as told:
        stored_key(conf_of(stored), "wg0")
    assert "c2VjcmV0" not in f"{told.value} {told.value.hint}"
    assert stored_key(conf_of(stored), "wg0", needed=False) is None
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NodeError, match="it is no file"):
        stored_key(conf_of(tmp_path / "pipe"), "wg0")


@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_no_wg_program_is_needed_for_it(tmp_path: Path) -> None:
    require("wireguard-go", "wg")
    stored = tmp_path / "own.key"
    text = wgconf.interface("Address = 10.9.0.1/32", key=KEY)
    text = text.replace(f"PrivateKey = {KEY.reveal()}", f"PostUp = wg set %i private-key {stored}")
    path = wgconf.write(tmp_path, "wg0", text)
    with namespaces("host") as (host,):
        host.shell("mount --bind /dev/null $(command -v wg)")
        assert host.run("bash", "-c", "wg show", check=False).returncode == 126
        said = host.meshc("up", str(path), "--engine", "wireguard-go", check=False)
        assert f"could not read the private key in {stored}" in said.stderr
        assert "wg0" not in host.shell("ip -br link")
        stored.write_text(f"{KEY.reveal()}\n")
        said = host.meshc("up", str(path), "--engine", "wireguard-go")
        assert "PostUp" not in said.stdout
        other = PrivateKey.generate()
        stored.write_text(other.reveal())
        assert "private key" in host.meshc("reload", str(path)).stdout
        host.shell("umount $(command -v wg)")
        assert host.shell("wg show wg0 public-key").strip() == str(other.public_key())
        host.meshc("down", "wg0")
