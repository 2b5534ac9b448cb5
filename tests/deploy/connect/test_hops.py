"""Jump hosts are read as ssh reads them, and no host goes without its key being looked up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meshc.deploy.connect.hops import LoginHop, hops, known_hosts_files


def test_jump_hosts_as_ssh_config_spells_them() -> None:
    assert hops("jump") == [LoginHop("jump")]
    assert hops("me@jump:2222, ssh://other") == [LoginHop("jump", "me", 2222), LoginHop("other")]
    assert hops("[2001:db8::1]:22,2001:db8::2") == [
        LoginHop("2001:db8::1", None, 22),
        LoginHop("2001:db8::2"),
    ]
    with pytest.raises(ValueError, match="port"):
        hops("jump:port")


def test_without_any_file_no_host_is_known_rather_than_every_one(tmp_path: Path) -> None:
    assert known_hosts_files(None, tmp_path / "none") == [os.devnull]


def test_the_named_file_is_the_only_one(tmp_path: Path) -> None:
    own, configured = tmp_path / "own", tmp_path / "configured"
    own.touch()
    configured.touch()
    assert known_hosts_files([str(configured)], own) == [str(own)]
    assert known_hosts_files([str(configured)], None)[0] == str(configured)
