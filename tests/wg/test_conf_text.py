"""The encodings of wg-quick files: what wg-quick reads is read, the rest is named."""

from __future__ import annotations

import codecs

import pytest

from meshc.errors import ConfError
from meshc.wg.conf import parse
from meshc.wg.conf_text import decode_conf

TEXT = "# Bro\n[Interface]\nAddress = 10.10.10.1/24\nListenPort = 51822\n"
MARKED = [
    (codecs.BOM_UTF8 + TEXT.encode(), "byte order mark"),
    (TEXT.encode("utf-16"), "UTF-16"),
    (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "UTF-16"),
]


def test_a_comment_may_be_in_any_encoding_for_wg_quick_looks_at_ascii_only() -> None:
    latin1 = TEXT.replace("Bro", "Büro").encode("latin-1")
    assert parse(decode_conf(latin1, file="wg0.conf")) == parse(TEXT)
    utf8 = TEXT.replace("Bro", "Büro")
    assert decode_conf(utf8.encode(), file="wg0.conf") == utf8


def test_a_command_in_another_encoding_is_refused_with_its_line() -> None:
    text = TEXT + "PostUp = /opt/Büro.sh\n"
    with pytest.raises(ConfError, match=r"^wg0.conf:5: the file is not UTF-8"):
        decode_conf(text.encode("latin-1"), file="wg0.conf")
    assert decode_conf(text.encode("latin-1"), file="wg0.conf", foreign=True) == text


@pytest.mark.parametrize(("data", "name"), MARKED)
def test_what_wg_quick_cannot_read_is_refused_by_the_name_of_its_encoding(
    data: bytes, name: str
) -> None:
    with pytest.raises(ConfError, match=rf"^wg0.conf:1: the file .*{name}"):
        decode_conf(data, file="wg0.conf")


@pytest.mark.parametrize(("data", "name"), MARKED)
def test_a_file_that_is_only_looked_at_is_read_all_the_same(data: bytes, name: str) -> None:
    assert name
    assert decode_conf(data, file="wg0.conf", foreign=True) == TEXT


def test_half_a_character_of_utf16_is_damage_and_no_traceback() -> None:
    with pytest.raises(ConfError, match="UTF-16, but is damaged"):
        decode_conf(codecs.BOM_UTF16_LE + b"[\x00I", file="wg0.conf", foreign=True)
