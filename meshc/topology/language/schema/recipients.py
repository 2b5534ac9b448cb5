"""Recipients: those whom the network's secrets are encrypted to."""

from __future__ import annotations

import re
from typing import Any

from meshc.topology.language.schema.scalars import Mistake, expected

_AGE_RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}\Z")  # Bech32 (BIP 173) of 32 bytes
_SSH_RECIPIENTS = ("ssh-ed25519", "ssh-rsa")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}\Z")
_RECIPIENT_HINT = "`age-keygen -y IDENTITY` prints it; so is ~/.ssh/id_ed25519.pub one."


def recipient(value: Any) -> str:
    """Whom a file is encrypted to, as age(1) takes it: `age1…`, or an SSH public key."""
    if type(value) is not str:
        raise expected("a recipient", value)
    words = value.split()
    if len(words) == 1 and _AGE_RECIPIENT.fullmatch(words[0]):
        return words[0]
    if len(words) >= 2 and words[0] in _SSH_RECIPIENTS and _BASE64.fullmatch(words[1]):
        return " ".join(words)
    if value.startswith("AGE-SECRET-KEY-"):
        raise Mistake("E125", "this is an identity, which is a secret", _RECIPIENT_HINT)
    raise Mistake(
        "E125", "expected a recipient: age1…, ssh-ed25519 … or ssh-rsa …", _RECIPIENT_HINT
    )
