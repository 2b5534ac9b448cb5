"""Secrets sealed with age: to the recipients of the topology file, opened by who has an identity.

The format is age-encryption.org/v1, so `age -d -i IDENTITY keys/NODE.key.age` prints the key. Who
has no identity can still seal: a new node's key is made without reading any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from meshc.errors import StateError
from meshc.keystore.key_files import AGE

RECORD = "recipients"
_BEGIN = b"age-encryption.org/v1\n"
_HEAD = "# Whom the files here are encrypted to; meshc keys encrypt writes it.\n"
_COMMITTED = b"*\n!.gitignore\n!recipients\n!*.age\n"


class AgeSealing:
    """Seals to `recipients`, as the topology file has them; `identities` gives the texts of those
    that open, and is asked when the first file is opened."""

    suffix = AGE
    hidden = True

    def __init__(self, recipients: Sequence[str], identities: Callable[[], Sequence[str]]) -> None:
        self.recipients = tuple(recipients)
        lines = "".join(f"{one}\n" for one in recipients)
        self.beside = {".gitignore": _COMMITTED, RECORD: (_HEAD + lines).encode()}
        self._texts = identities
        self._to: list[Any] | None = None
        self._from: list[Any] | None = None

    def seal(self, content: bytes) -> bytes:
        """The file's content. Raises: StateError for a recipient that age does not take."""
        if self._to is None:
            self._to = [_recipient(text) for text in self.recipients]
        sealed: bytes = _age().encrypt(content, self._to)
        return sealed

    def open(self, content: bytes, path: Path) -> bytes:
        """What was sealed. Raises: StateError when no identity opens it, or it is no age file."""
        age = _age()
        if not content.startswith(_BEGIN):
            raise StateError(
                f"{path} is not a file of age", hint="restore it: git checkout -- " + str(path)
            )
        if self._from is None:
            self._from = [one for text in self._texts() for one in _identities(text)]
        if not self._from:
            raise StateError(
                f"no identity is given that opens {path}",
                hint="use --identity FILE, or set MESHC_IDENTITY_FILE; who has none can still "
                "prove the network, with made-up keys: meshc validate",
            )
        try:
            opened: bytes = age.decrypt(content, self._from)
        except age.DecryptError:
            raise StateError(
                f"none of your identities opens {path}",
                hint="somebody who can open it adds you: meshc keys recipients add RECIPIENT",
            ) from None
        return opened


def _age() -> ModuleType:
    """The library. Raises: StateError where it is not installed."""
    try:
        import pyrage
    except ImportError:
        raise StateError(
            "the keys of this network are encrypted with age, and pyrage is not installed",
            hint="install meshc with its extra: pipx install 'meshc[age]', or pip install pyrage",
        ) from None
    module: ModuleType = pyrage
    return module


def _recipient(text: str) -> object:
    age = _age()
    kind = age.x25519 if text.startswith("age1") else age.ssh
    try:
        found: object = kind.Recipient.from_str(text)
    except age.RecipientError as error:
        raise StateError(
            f"age does not take the recipient {text[:40]}…: {error}",
            hint="correct keys.recipients in the topology file",
        ) from None
    return found


def _identities(text: str) -> list[object]:
    """Those of one file: lines of age-keygen, or one OpenSSH private key. Its words never appear
    in an error: they are the secret."""
    age = _age()
    if "PRIVATE KEY-----" in text:
        try:
            return [age.ssh.Identity.from_buffer(text.encode())]
        except age.IdentityError:
            raise StateError(
                "the SSH key given as an identity cannot be used",
                hint="age takes ed25519 and rsa keys without a passphrase; with one, put an "
                "identity of age-keygen beside it",
            ) from None
    lines = (line.strip() for line in text.splitlines())
    found = []
    for line in lines:
        if not line or line.startswith("#"):
            continue
        try:
            found.append(age.x25519.Identity.from_str(line))
        except age.IdentityError:
            raise StateError(
                "an identity is damaged",
                hint="a file of age-keygen has comments and lines that begin with AGE-SECRET-KEY-1",
            ) from None
    return found
