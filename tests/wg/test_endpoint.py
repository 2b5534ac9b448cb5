"""One endpoint, one parser, two forms: as a file writes it and as a running device has it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.errors import PrefixFormatError
from meshc.prefixes import address_text
from meshc.wg.endpoint import Endpoint


@pytest.mark.parametrize(
    ("text", "host", "port", "family"),
    [
        ("192.0.2.1:51820", "192.0.2.1", 51820, 4),
        ("[2001:db8::1]:1", "2001:db8::1", 1, 6),
        ("vpn.example.org:65535", "vpn.example.org", 65535, None),
        ("10.example:7", "10.example", 7, None),
    ],
)
def test_a_file_names_hosts_and_addresses(text, host, port, family):
    found = Endpoint.parse(text)
    assert (found, found.family, str(found)) == ((host, port), family, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":1",
        "a",
        "a:",
        "a:0",
        "a:65536",
        "a:+1",
        "a:http",
        "::1:5",
        "[::1]",
        "[a]:1",
        "a:٣",
        "[fe80::1%eth0]:7",
        "a:000000000001",
    ],
)
def test_what_is_no_endpoint_of_a_file(text):
    with pytest.raises(PrefixFormatError):
        Endpoint.parse(text)


def test_a_device_has_addresses_zones_and_port_0():
    assert Endpoint.parse("192.0.2.1:0", numeric=True) == ("192.0.2.1", 0)
    zoned = Endpoint.parse("[fe80::1%eth0]:7", numeric=True)
    assert (zoned, zoned.family, str(zoned)) == (("fe80::1%eth0", 7), 6, "[fe80::1%eth0]:7")


@pytest.mark.parametrize("text", ["host:1", "[192.0.2.1]:1", "192.0.2.1%1:1", "[%eth0]:7", "[]:1"])
def test_what_is_no_endpoint_of_a_device(text):
    with pytest.raises(PrefixFormatError):
        Endpoint.parse(text, numeric=True)


@given(st.sampled_from((4, 6)), st.integers(0, 2**32 - 1), st.integers(1, 65535), st.booleans())
def test_text_and_value_are_one_another(family, value, port, numeric):
    endpoint = Endpoint(address_text(family, value), port)
    assert Endpoint.parse(str(endpoint), numeric=numeric) == endpoint
    assert endpoint.family == family
