"""Secrets show nothing: the types themselves, every value type of meshc, and every exception."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import inspect
import pickle
import pkgutil
import re
import traceback
import typing
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

import meshc
from meshc.errors import ConfError, ConfigError, KeyFormatError, MeshcError, PrefixFormatError
from meshc.keys import NetworkSecret, PresharedKey, PrivateKey, decode
from meshc.prefixes import InterfaceAddress, Prefix, parse_address
from meshc.secret import Secret, SecretBytes, SecretText, without_keys
from meshc.wg.conf import parse
from meshc.wg.endpoint import Endpoint
from meshc.wg.uapi import parse_get, parse_set

RAW = bytes(range(200, 232))
KEY = PrivateKey(RAW)
TEXT = KEY.reveal()
CONF = f"[Interface]\nPrivateKey = {TEXT}\n"
SECRETS: dict[str, Secret] = {
    "PrivateKey": KEY,
    "PresharedKey": PresharedKey(RAW),
    "NetworkSecret": NetworkSecret(RAW),
    "SecretText": SecretText(CONF),
    "SecretBytes": SecretBytes(CONF.encode()),
}

TELLING = ("conf", "content", "secret", "private", "preshared", "psk", "password", "passphrase")
"""A field with such a word in its name carries a secret, if it can hold text or bytes at all."""

PUBLIC = {
    # what stands there instead of a secret
    "private_key_file": "a path",
    "private_key_command": "a command",
    "LinkSpec.preshared_key": "the name of a key; no key is a name (E115)",
    "ImportedLink.preshared_key": "the name under which the key is kept",
    "Directories.conf": "a directory",
    "Facts.conf": "the node sends its file with salted fingerprints in place of keys",
    "Archive.content": "the source of meshc for a node that has none",
    "DnsFacts.content": "resolv.conf",
    "DnsSet.content": "resolv.conf",
}


def value_types() -> Iterator[type]:
    """Every dataclass and NamedTuple that a module of meshc defines."""
    for info in pkgutil.walk_packages(meshc.__path__, "meshc."):
        if info.name.endswith("__main__"):
            continue
        try:
            module = importlib.import_module(info.name)
        except ModuleNotFoundError as error:
            if error.name == "meshc_native":
                continue  # optional; nobody has it where there is no compiler
            raise
        for value in vars(module).values():
            if inspect.isclass(value) and value.__module__ == info.name and is_value(value):
                yield value


def is_value(cls: type) -> bool:
    return dataclasses.is_dataclass(cls) or (issubclass(cls, tuple) and hasattr(cls, "_fields"))


def annotations(cls: type) -> dict[str, str]:
    if dataclasses.is_dataclass(cls):
        return {item.name: str(item.type) for item in dataclasses.fields(cls)}
    return {name: str(cls.__annotations__.get(name, "")) for name in cls._fields}  # type: ignore[attr-defined]


def planted(owner: str, name: str, note: str) -> Any:
    """A secret of the field's own type; None when it can carry none."""
    mapping, _, of_it = note.partition("apping[") if "apping[" in note else note.partition("dict[")
    inner = of_it.partition(",")[2] if of_it else mapping
    value = carried(inner, telling=any(word.rstrip("s") in TELLING for word in name.split("_")))
    if value is None or name in PUBLIC or f"{owner}.{name}" in PUBLIC:
        return None
    return {"name": value} if of_it else value


def carried(note: str, *, telling: bool) -> Secret | str | bytes | None:
    """What a field with this annotation can hold of a secret."""
    for kind, secret in SECRETS.items():
        if re.search(rf"\b{kind}\b", note):
            return secret
    if not telling or "Callable" in note:
        return None
    if re.search(r"\bbytes\b", note):
        return CONF.encode()
    return CONF if re.search(r"\bstr\b", note) else None


def build(cls: type) -> object | None:
    """An instance past its constructor, a secret in each field that can carry one; None when no
    field can."""
    values = {name: planted(cls.__name__, name, note) for name, note in annotations(cls).items()}
    if all(value is None for value in values.values()):
        return None
    if issubclass(cls, tuple):
        return tuple.__new__(cls, list(values.values()))
    made = object.__new__(cls)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


def spellings() -> list[str]:
    return [TEXT, RAW.hex(), repr(RAW)[2:-1], str(list(RAW))[1:-1]]


def shows(text: str) -> bool:
    return any(spelling in text for spelling in spellings())


def leaks(cls: type) -> bool:
    made = build(cls)
    if made is None:
        return False
    return any(shows(text) for text in (repr(made), str(made), format(made, ""), f"{[made]}"))


TYPES = sorted(set(value_types()), key=lambda cls: (cls.__module__, cls.__qualname__))
CARRIERS = [cls for cls in TYPES if build(cls) is not None]


@pytest.mark.parametrize("cls", CARRIERS, ids=lambda cls: f"{cls.__module__}.{cls.__qualname__}")
def test_no_value_type_shows_a_secret(cls: type) -> None:
    assert not leaks(cls), f"{cls.__qualname__}: a field that carries a secret is of a secret type"


def test_the_walk_finds_what_carries_secrets() -> None:
    names = {cls.__name__ for cls in CARRIERS}
    assert {"Conf", "PeerConf", "PeerTable", "Artifact", "Target", "DeviceState"} <= names
    assert {"PeerState", "PeerUpdate", "DeviceUpdate", "Secrets", "Dialer"} <= names
    assert len(TYPES) > 150


class PlantedText(NamedTuple):
    name: str
    conf: str


@dataclasses.dataclass
class PlantedBytes:
    contents: bytes | None


class PlantedMapping(NamedTuple):
    confs: typing.Mapping[str, bytes]


class PlantedSafe(NamedTuple):
    conf: SecretText


def test_a_new_type_that_shows_a_secret_would_be_found() -> None:
    assert leaks(PlantedText)
    assert leaks(PlantedBytes)
    assert leaks(PlantedMapping)
    assert not leaks(PlantedSafe)
    assert build(PlantedSafe) is not None


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_secret_shows_itself_to_nobody(secret: Secret) -> None:
    for text in (repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", "%s" % secret):  # noqa: UP031
        assert "redacted" in text
        assert not shows(text)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(secret, protocol)
    with pytest.raises(TypeError, match="not pickled"):
        copy.deepcopy([secret])
    assert not hasattr(secret, "__dict__")


def test_secrets_are_equal_by_type_and_value() -> None:
    assert SecretText("é\udc80") == SecretText("é\udc80")
    assert SecretText("a") != SecretText("b")
    assert SecretBytes(b"a") != SecretText("a")
    assert PresharedKey(RAW) != NetworkSecret(RAW)
    assert len({SecretText("a"), SecretText("a"), SecretBytes(b"a")}) == 2
    assert SecretText(CONF).reveal() == CONF
    assert SecretBytes(CONF.encode()).reveal() == CONF.encode()


def exception_types() -> list[type[MeshcError]]:
    """All of meshc's; the walk over the value types has imported every module."""
    found: list[type[MeshcError]] = []
    pending: list[type[MeshcError]] = [MeshcError]
    while pending:
        cls = pending.pop()
        pending += [sub for sub in cls.__subclasses__() if sub.__module__.startswith("meshc.")]
        found.append(cls)
    return sorted(set(found), key=lambda cls: cls.__qualname__)


@pytest.mark.parametrize("cls", exception_types(), ids=lambda cls: cls.__name__)
def test_no_exception_shows_a_secret_that_it_is_given(cls: type[MeshcError]) -> None:
    """Built past its constructor, with a secret of each type as an argument and an attribute."""
    error = cls.__new__(cls, *SECRETS.values())
    error.args = tuple(SECRETS.values())
    for name, secret in SECRETS.items():
        setattr(error, name, secret)
    try:
        raise error
    except MeshcError as caught:
        told = traceback.TracebackException.from_exception(caught, capture_locals=True)
        text = "".join(told.format())
        whole = repr(caught) + str(caught) + f"{caught}" + repr(vars(caught)) + text
    assert "redacted" in whole
    assert not shows(whole)


@pytest.mark.parametrize(
    "text", [TEXT, RAW.hex(), f"{TEXT} ", f"[{TEXT}", f"{TEXT}/32", f"x={TEXT}"]
)
@pytest.mark.parametrize(
    "read",
    [
        parse,
        lambda text: parse(f"[Interface]\n{text}"),
        lambda text: parse(f"[Interface]\nAddress = {text}"),
        lambda text: parse(f"[Peer]\nPublicKey = {text}x"),
        lambda text: parse(f"[Peer]\nAllowedIPs = {text}"),
        lambda text: parse(f"[Peer]\nEndpoint = {text}"),
        lambda text: parse(f"[{text}]"),
        parse_set,
        parse_get,
        lambda text: parse_set(f"public_key={text}0"),
        lambda text: parse_get(f"private_key={text}0"),
        lambda text: decode(text + "x"),
        Prefix.parse,
        InterfaceAddress.parse,
        parse_address,
        Endpoint.parse,
        lambda text: Endpoint.parse(text, numeric=True),
    ],
)
def test_a_key_in_the_wrong_place_is_not_repeated(read: Callable[[str], object], text: str) -> None:
    refusals = (ConfError, ConfigError, KeyFormatError, PrefixFormatError)
    with pytest.raises(refusals) as caught:
        read(text)
    shown = "".join(traceback.format_exception(caught.value))
    assert TEXT[:12] not in shown
    assert RAW.hex()[:12] not in shown


def test_what_looks_like_a_key_is_taken_out_and_nothing_else() -> None:
    assert without_keys(f"a {TEXT} b {RAW.hex()}") == "a (redacted) b (redacted)"
    for text in ("vpn.example.org:51820", "10.0.0.0/8", "x" * 42, "y" * 60, ""):
        assert without_keys(text) == text
