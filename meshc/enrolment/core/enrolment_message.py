"""Enrolment messages: the request of a new machine, and the answer of the controller.

    request   the invitation's identifier, the node's public key, a throw-away key, its host name
              and where its private key lies; with a MAC by the token
    answer    a salt, and sealed (ChaCha20-Poly1305, RFC 8439): the node's files, or why not

Neither road has to be trusted: a request that was changed has no valid MAC; an answer comes from
who has the private key of the invitation, and opens only with the throw-away key that never left
the node. Both are bounded, carry a version, and are never a reason to raise.
"""

from __future__ import annotations

import re

from meshc.enrolment.core.armour import armoured, unarmoured
from meshc.enrolment.core.enrolment_keys import EnrolmentKeys
from meshc.enrolment.core.told_fields import packed, told_fields
from meshc.errors import KeyFormatError
from meshc.keys import PrivateKey, PublicKey
from meshc.secret import SecretText
from meshc.values import dataclass

REQUEST, ANSWER = "request", "answer"
LONGEST_REQUEST = 700
"""It goes through a door in one message."""
LONGEST_ANSWER = 4 << 20
_TAG = 32
SALT = 32
_NONCE = bytes(12)
"""The key is used once."""
_KEY_FILE = re.compile(r"(?:/[A-Za-z0-9_+@-][A-Za-z0-9._+@-]*)+\Z", re.ASCII)
"""It becomes a value of the topology and a word of the node's own hook: nothing to quote."""
_IDENTIFIER = re.compile(r"[0-9a-f]{16}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class EnrolmentRequest:
    """What a new machine says about itself. `throwaway` is the public half of a key that seals
    the answer and is forgotten then."""

    invitation: str
    public_key: PublicKey
    throwaway: PublicKey
    host: str
    key_file: str

    def body(self) -> bytes:
        return packed(
            {
                "id": self.invitation,
                "key": self.public_key,
                "for": self.throwaway,
                "host": self.host,
                "file": self.key_file,
            }
        )

    def line(self, keys: EnrolmentKeys) -> str:
        """The text that goes to the controller."""
        body = self.body()
        return armoured(REQUEST, body + keys.tag(body))


@dataclass(frozen=True, slots=True)
class Granted:
    """The node's files: the wg-quick file and the facts beside it."""

    name: str
    interface: str
    conf: SecretText
    facts: str


@dataclass(frozen=True, slots=True)
class Declined:
    """Why the machine does not come in."""

    why: str


Answer = Granted | Declined


@dataclass(frozen=True, slots=True)
class UnprovenRequest:
    """A request whose MAC nobody has looked at yet."""

    request: EnrolmentRequest
    tag: bytes

    def proven(self, keys: EnrolmentKeys) -> EnrolmentRequest | None:
        """The request, if it comes from who holds the token of these keys."""
        import hmac

        same = hmac.compare_digest(keys.tag(self.request.body()), self.tag)
        return self.request if same and keys.identifier == self.request.invitation else None


def key_file_fits(path: str) -> bool:
    """Whether a request may name this place of a private key."""
    return len(path) <= 200 and _KEY_FILE.match(path) is not None and ".." not in path


def read_request(text: str) -> UnprovenRequest | str:
    """The request of a line, or in a few words why it is none."""
    data = unarmoured(REQUEST, text, LONGEST_REQUEST)
    if isinstance(data, str):
        return data
    body, tag = data[:-_TAG], data[-_TAG:]
    fields = told_fields(body)
    if fields is None:
        return "it is not as meshc writes one"
    request = EnrolmentRequest(
        fields.text("id", 16),
        fields.key("key"),
        fields.key("for"),
        fields.text("host", 64),
        fields.text("file", 200),
    )
    sound = _IDENTIFIER.match(request.invitation) and key_file_fits(request.key_file)
    if fields.bad or not sound or request.body() != body:
        return "it is not as meshc writes one"
    return UnprovenRequest(request, tag)


def seal_answer(
    answer: Answer, request: EnrolmentRequest, keys: EnrolmentKeys, own: PrivateKey, salt: bytes
) -> str:
    """The text that goes to the node, by the invitation's `own` key; `salt` must be new.

    Raises: KeyFormatError for a request with a point of low order, which nobody makes by chance.
    """
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    key = keys.answer_key(own, request.throwaway, request.body(), salt)
    if key is None:
        raise KeyFormatError("the request's throw-away key is none")
    sealed = ChaCha20Poly1305(key.reveal()).encrypt(_NONCE, _answer_body(answer), None)
    return armoured(ANSWER, salt + sealed)


def open_answer(
    text: str,
    request: EnrolmentRequest,
    keys: EnrolmentKeys,
    throwaway: PrivateKey,
    controller: PublicKey,
) -> Answer | str:
    """The answer of a line, or in a few words why it is none to this request by the `controller`
    that the token names."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    data = unarmoured(ANSWER, text, LONGEST_ANSWER)
    if isinstance(data, str):
        return data
    salt, sealed = data[:SALT], data[SALT:]
    key = keys.answer_key(throwaway, controller, request.body(), salt)
    try:
        body = ChaCha20Poly1305(key.reveal()).decrypt(_NONCE, sealed, None) if key else b""
    except InvalidTag:
        return "it does not answer the request of this machine"
    return _read_answer(body)


def _answer_body(answer: Answer) -> bytes:
    if isinstance(answer, Declined):
        return packed({"no": answer.why})
    return packed(
        {
            "name": answer.name,
            "interface": answer.interface,
            "conf": answer.conf.reveal(),
            "facts": answer.facts,
        }
    )


def _read_answer(body: bytes) -> Answer | str:
    fields = told_fields(body)
    if fields is None:
        return "it is not as meshc writes one"
    why = fields.text("no")
    granted = Granted(
        fields.text("name"),
        fields.text("interface", 15),
        SecretText(fields.text("conf", LONGEST_ANSWER, printable=False)),
        fields.text("facts", LONGEST_ANSWER, printable=False),
    )
    if fields.bad or not (why or (granted.name and granted.interface and len(granted.conf))):
        return "it is not as meshc writes one"
    return Declined(why) if why else granted
