"""Single values: what is read, and that the rest is refused with a code."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.errors import ConfError, MeshcError
from meshc.keys import PresharedKey, encode
from meshc.topology.language.schema import scalars as s
from meshc.wg.endpoint import Endpoint


def code_of(read: Callable[[Any], object], value: object) -> str:
    with pytest.raises(s.Mistake) as caught:
        read(value)
    return caught.value.code


hosts = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z]{2,8}){0,3}", fullmatch=True)
ports = st.integers(1, 65535)


@given(hosts, ports)
def test_named_endpoints(host: str, port: int) -> None:
    assert s.endpoint(f"{host}:{port}") == (host, port, None)
    assert s.endpoint(host) == (host, 0, None)
    assert s.endpoint(f" {host.upper()}.:{port} ") == (host, port, None)


@given(st.ip_addresses(v=4), ports)
def test_ipv4_endpoints(address: IPv4Address, port: int) -> None:
    assert s.endpoint(f"{address}:{port}") == (str(address), port, 4)
    assert code_of(s.endpoint, f"[{address}]:{port}") == "E118"


@given(st.ip_addresses(v=6), ports)
def test_ipv6_endpoints(address: IPv6Address, port: int) -> None:
    assert s.endpoint(f"[{address.exploded}]:{port}") == (str(address), port, 6)
    assert s.endpoint(f"[{address}]") == (str(address), 0, 6)
    assert code_of(s.endpoint, str(address)) == "E118"


@given(st.text(alphabet="ab1.:[]/-_ 0256%@\n", max_size=24))
def test_what_is_read_as_an_endpoint_wg_reads_too(text: str) -> None:
    """The reader of wg-quick files is the second opinion."""
    try:
        found = s.endpoint(text)
    except s.Mistake:
        return
    host = f"[{found.host}]" if found.family == 6 else found.host
    again = Endpoint.parse(f"{host}:{found.port or 1}")
    assert again.host == found.host


@pytest.mark.parametrize(
    "text", ["a:0", "a:65536", "a:x", "a:", "a:-1", "a:\uff11", "a: 5", "a:5 "]
)
def test_ports(text: str) -> None:
    if text == "a:5 ":
        assert s.endpoint(text) == ("a", 5, None)
    else:
        assert code_of(s.endpoint, text) == "E118"


@pytest.mark.parametrize(
    "name", ["a", "A1", "public-server1", "x_y", "n.1", "7", "no", "a" * 63, "null"]
)
def test_names(name: str) -> None:
    assert s.name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "-a",
        "a-",
        ".a",
        "a.",
        "a..b",
        "a/b",
        "a b",
        "a\n",
        "é",
        "a" * 64,
        "%i",
        "a\\b",
        "²",
    ],
)
def test_not_names(name: str) -> None:
    assert code_of(s.name, name) == "E115"
    assert s.name_fault(name)


def test_a_key_in_the_place_of_its_name_is_not_repeated() -> None:
    """`links:` names a pre-shared key that is kept elsewhere: here somebody pasted it."""
    key = PresharedKey(bytes(range(200, 232))).reveal()
    with pytest.raises(s.Mistake) as caught:
        s.name(key)
    assert "'(redacted)' cannot be a name" in caught.value.message
    assert key not in repr(vars(caught.value)) + repr(caught.value)


@given(st.text(max_size=70))
def test_a_name_is_one_safe_path_component(name: str) -> None:
    if not s.name_fault(name):
        assert "/" not in name
        assert name not in (".", "..")
        assert name.isascii()
        assert name.isprintable()
        assert not name.startswith("-")


@pytest.mark.parametrize("name", ["wg0", "a=b", "+", "_", "x.y", "...", "a" * 15])
def test_interfaces(name: str) -> None:
    assert s.interface(name) == name


@pytest.mark.parametrize("name", ["", "-wg", ".", "..", "a" * 16, "a b", "a/b", "wg0\n", "é"])
def test_not_interfaces(name: str) -> None:
    assert code_of(s.interface, name) == "E115"


@pytest.mark.parametrize("value", ["yes", "on", 1, 0, None, "true", [], {}])
def test_only_true_and_false_are_truth_values(value: object) -> None:
    assert code_of(s.boolean, value) == "E112"


@pytest.mark.parametrize("value", [True, False, 1.0, "5", None, [5]])
def test_a_number_is_a_number(value: object) -> None:
    assert code_of(s.integer(0, 10), value) == "E112"


def test_bounds_are_inclusive() -> None:
    read = s.integer(1, 5)
    assert [read(1), read(5)] == [1, 5]
    assert {code_of(read, 0), code_of(read, 6)} == {"E114"}
    assert code_of(read, 10**30) == "E114"


@given(st.text(max_size=40))
def test_a_setting_stays_on_its_line_in_a_wg_quick_file(text: str) -> None:
    try:
        line = s.setting(text)
    except s.Mistake:
        return
    assert line.splitlines() == [line]
    assert "#" not in line
    assert line == line.strip()


@pytest.mark.parametrize(
    ("value", "read"),
    [("auto", None), ("off", "off"), (51820, "51820"), ("main", "main"), (1, "1")],
)
def test_tables(value: object, read: str | None) -> None:
    assert s.table(value) == read


@pytest.mark.parametrize("value", [0, -1, 2**32, True, "a b", "-x", "$(x)", [], ""])
def test_not_tables(value: object) -> None:
    assert code_of(s.table, value) in ("E112", "E113", "E114")


@pytest.mark.parametrize(
    ("value", "mark"), [("off", 0), (0, 0), ("0xca6c", 0xCA6C), (2**32 - 1, 2**32 - 1)]
)
def test_marks(value: object, mark: int) -> None:
    assert s.fwmark(value) == mark


@pytest.mark.parametrize(
    "host", ["-oProxyCommand=x", "a b", "a;b", "", "a@b", "a:22", "é", "a/b", "$(x)"]
)
def test_a_login_host_is_never_an_option_or_a_command(host: str) -> None:
    assert code_of(s.login_host, host) in ("E112", "E117")


@pytest.mark.parametrize("host", ["hub", "hub.example.net", "10.0.0.1", "[2a00::1]", "my_alias"])
def test_login_hosts(host: str) -> None:
    assert s.login_host(host) == host.strip("[]")


@pytest.mark.parametrize("user", ["-l", "a b", "a;b", "", "a\nb"])
def test_not_users(user: str) -> None:
    assert code_of(s.user, user) in ("E112", "E115", "E120")


@given(st.binary(min_size=32, max_size=32))
def test_public_keys(raw: bytes) -> None:
    if any(raw):
        assert s.public_key(encode(raw)).raw == raw


def test_a_key_is_never_repeated_in_a_message() -> None:
    private = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
    for text in (private[:-1], private + "x", private.replace("=", "\n")):
        with pytest.raises(s.Mistake) as caught:
            s.public_key(text)
        assert private[:10] not in caught.value.message


@pytest.mark.parametrize("braces", ["{", "{message}", "{0}", "}{"])
def test_braces_in_a_value_have_no_meaning_in_its_message(braces: str) -> None:
    with pytest.raises(s.Mistake) as caught:
        s.choice("a")(braces)
    assert braces in caught.value.message


def test_the_second_opinion_can_disagree() -> None:
    with pytest.raises(MeshcError):
        Endpoint.parse("a:b:c")
    assert issubclass(ConfError, MeshcError)
