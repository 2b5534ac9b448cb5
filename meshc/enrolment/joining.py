"""Joining: what the new machine does. Its private key is made here, and stays.

    /etc/meshc/IFACE.join   what is waited for: the token, the throw-away key (0600)
    /etc/meshc/IFACE.key    the private key (0600), which the node's own file names

The first is written first: a key beside it was made for this invitation, and a run that was cut
short goes on with it. One without it belongs to somebody else, and is left alone.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from meshc.enrolment.core.enrolment_message import (
    Declined,
    EnrolmentRequest,
    Granted,
    key_file_fits,
    open_answer,
)
from meshc.enrolment.core.invite_token import InviteToken, read_token
from meshc.errors import KeyFormatError, NodeError
from meshc.files import read_regular, write_all, write_atomic
from meshc.keys import PrivateKey
from meshc.node.nodefile import FACTS_NAME, is_interface_name
from meshc.secret import SecretBytes
from meshc.values import dataclass

CONF_DIRECTORY = Path("/etc/wireguard")
KEY_DIRECTORY = Path("/etc/meshc")
_PENDING = ".join"


@dataclass(frozen=True, slots=True)
class JoinPlaces:
    """Where keys and files go on this machine."""

    keys: Path = KEY_DIRECTORY
    confs: Path = CONF_DIRECTORY

    def key(self, interface: str) -> Path:
        return self.keys / f"{interface}.key"

    def pending(self, interface: str) -> Path:
        return self.keys / f"{interface}{_PENDING}"

    def conf(self, interface: str) -> Path:
        return self.confs / f"{interface}.conf"


@dataclass(frozen=True, slots=True)
class PendingJoin:
    """A machine that has asked, or is about to."""

    token: InviteToken
    throwaway: PrivateKey
    request: EnrolmentRequest

    def line(self) -> str:
        """The request for the controller."""
        return self.request.line(self.token.keys())


@dataclass(frozen=True, slots=True)
class JoinedNode:
    """A machine that is a node now, though not up yet."""

    name: str
    interface: str
    conf: Path


def ask(text: str, places: JoinPlaces, *, host: str, now: int) -> PendingJoin:
    """Makes the key, or finds the one of a run that was cut short.

    Raises: NodeError for a text that is no token, one that is over, a key or an interface that is
    somebody else's; OSError.
    """
    token = read_token(text)
    if isinstance(token, str):
        raise NodeError(f"this is no invitation: {token}", hint="copy it again, whole")
    if not is_interface_name(token.interface):
        raise NodeError("the invitation names no interface that there can be")
    if now > token.expires:
        raise NodeError("the invitation has expired", hint="ask for another")
    key_file = places.key(token.interface).absolute()
    if not key_file_fits(str(key_file)):
        raise NodeError(f"{key_file} cannot be where a key lies", hint="plain letters, no spaces")
    places.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    pending = _pending(places, token.interface)
    if pending is None:
        _check_free(places, token.interface)
        _write_pending(places, token, PrivateKey.generate(), _plain(host))
    elif pending[0].secret != token.secret:
        raise NodeError(
            f"this machine has asked with another invitation for {token.interface}",
            hint=f"finish that one, or give it up: rm {places.pending(token.interface)} {key_file}",
        )
    return _completed(places, token.interface, make=True)


def finish(text: str, places: JoinPlaces) -> JoinedNode:
    """Opens an answer, and puts the node's files where they belong.

    Raises: NodeError for what is no answer to this machine, or a refusal; OSError.
    """
    waiting = sorted(places.keys.glob(f"*{_PENDING}"))
    why = "this machine has asked nobody, or has its answer already"
    for path in waiting:
        pending = _completed(places, path.stem, make=False)
        answer = open_answer(
            text,
            pending.request,
            pending.token.keys(),
            pending.throwaway,
            pending.token.controller,
        )
        if isinstance(answer, str):
            why = f"this is no answer to this machine: {answer}"
            continue
        if isinstance(answer, Declined):
            places.key(path.stem).unlink(missing_ok=True)
            path.unlink()
            raise NodeError(f"this machine was not let in: {answer.why}", hint="ask for another")
        return _installed(answer, pending, places)
    raise NodeError(why, hint="begin with the invitation: meshc join TOKEN")


def _installed(answer: Granted, pending: PendingJoin, places: JoinPlaces) -> JoinedNode:
    interface = pending.token.interface
    if answer.interface != interface:
        raise NodeError(f"the answer is for {answer.interface}, and the invitation for {interface}")
    conf = places.conf(interface)
    wanted = answer.conf.reveal().encode()
    there = read_regular(conf)
    if there not in (None, wanted):
        raise NodeError(f"{conf} belongs to another network", hint="move it away")
    places.confs.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = places.confs / FACTS_NAME
    if _ours(read_regular(facts), interface):
        write_atomic(facts, answer.facts.encode())
    write_atomic(conf, wanted, mode=0o600)
    places.pending(interface).unlink()  # last: until here the same answer does it again
    return JoinedNode(answer.name, interface, conf)


def _ours(facts: bytes | None, interface: str) -> bool:
    """Whether the one file of facts in the directory is nobody else's."""
    try:
        data = json.loads(facts or b"{}")
    except ValueError:
        return False
    return isinstance(data, dict) and data.get("interface", interface) == interface


def _plain(host: str) -> str:
    """A host name as it fits into a request."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in host[:63])


def _check_free(places: JoinPlaces, interface: str) -> None:
    """Raises: NodeError where another network has the interface."""
    for path in (places.key(interface), places.conf(interface)):
        if os.path.lexists(path):
            raise NodeError(
                f"{path} is there already: {interface} belongs to another network",
                hint="move it away if nobody needs it",
            )


def _write_pending(
    places: JoinPlaces, token: InviteToken, throwaway: PrivateKey, host: str
) -> None:
    data = {"token": token.reveal(), "throwaway": throwaway.reveal(), "host": host}
    content = json.dumps(data).encode() + b"\n"
    write_atomic(places.pending(token.interface), content, mode=0o600)


def _pending(places: JoinPlaces, interface: str) -> tuple[InviteToken, PrivateKey, str] | None:
    """Raises: NodeError for a file that is damaged."""
    path = places.pending(interface)
    content = read_regular(path)
    if content is None:
        return None
    try:
        data = json.loads(content)
        token = read_token(str(data["token"]))
        throwaway, host = PrivateKey.parse(str(data["throwaway"])), str(data["host"])
    except (ValueError, KeyError, TypeError, KeyFormatError):
        token = ""
    if isinstance(token, str):
        raise NodeError(f"{path} is damaged", hint=f"rm {path}, and ask for another invitation")
    return token, throwaway, host


def _completed(places: JoinPlaces, interface: str, *, make: bool) -> PendingJoin:
    """What this machine has asked, or asks. Raises: NodeError."""
    found = _pending(places, interface)
    assert found is not None, "it was written before"
    token, throwaway, host = found
    path = places.key(interface)
    _temporary(path).unlink(missing_ok=True)  # of a run that was cut short
    if make and not os.path.lexists(path):
        _write_key(path, PrivateKey.generate())
    content = read_regular(path, limit=4096)
    try:
        public = PrivateKey.parse((content or b"").decode("ascii", "replace")).public_key()
    except KeyFormatError:
        raise NodeError(
            f"{path} holds no private key",
            hint=f"rm {path} {places.pending(interface)}, and ask for another invitation",
        ) from None
    request = EnrolmentRequest(
        token.keys().identifier, public, throwaway.public_key(), host, str(path.absolute())
    )
    return PendingJoin(token, throwaway, request)


def _write_key(path: Path, key: PrivateKey) -> None:
    """Whole or not at all, and never over another one."""
    content = SecretBytes(key.reveal().encode() + b"\n")
    temporary = _temporary(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, 0o600)
    try:
        try:
            write_all(descriptor, content.reveal())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.link(temporary, path)
    finally:
        temporary.unlink()


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")
