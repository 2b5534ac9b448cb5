"""Requests to the program on a node, over any transport, as root or through sudo."""

from __future__ import annotations

import json
from typing import Any

from meshc.deploy.connect import sent_program
from meshc.deploy.connect.transport import Result, Transport
from meshc.deploy.remote import environment
from meshc.errors import NodeError
from meshc.secret import SecretText

STATE_DIRECTORY = "/var/lib/meshc/deploy"
CONF_DIRECTORY = "/etc/wireguard"
SILENT = "silent"
"""The kind of a RemoteError where the node said nothing about how far it came."""
_NO_PYTHON = (126, 127)
_MAY_NOT = ("not in the sudoers", "not allowed", "may not run sudo")
_SUDO = ("env", "LC_ALL=C", "sudo")  # its words are read below: not in another language


class RemoteError(NodeError):
    """The node answered with a refusal; `kind` is its word for the reason (`space`, `over`...)."""

    def __init__(self, message: str, *, hint: str = "", kind: str = "failed") -> None:
        self.kind = kind
        super().__init__(message, hint=hint)


class PasswordNeededError(NodeError):
    """sudo wants a password and has not got the right one. `wrong`: it was given one."""

    def __init__(self, message: str, *, hint: str = "", wrong: bool = False) -> None:
        self.wrong = wrong
        super().__init__(message, hint=hint)


class NodeSession:
    """One node and one of its interfaces, over one connection."""

    def __init__(
        self,
        transport: Transport,
        interface: str,
        *,
        become: bool = False,
        password: SecretText | None = None,
    ) -> None:
        self.transport = transport
        self.interface = interface
        self._become = become
        self._password = password
        self._accepted = False

    async def call(
        self, verb: str, *, timeout: float = 90, payload: bytes = b"", **request: Any
    ) -> dict[str, Any]:
        """One request; `payload` follows it. Raises: TransportError, RemoteError,
        PasswordNeededError."""
        whole = {
            "verb": verb,
            "interface": self.interface,
            "conf_dir": CONF_DIRECTORY,
            "state_dir": STATE_DIRECTORY,
            "env_dir": environment.HOME,
            **request,
        }
        password = self._password if self._become else None
        if password is not None and not self._accepted:
            await self._try_password(password)
        data = sent_program.stdin(whole, password=password, payload=payload)
        result = await self.transport.run(self._argv(), stdin=data, timeout=timeout)
        answer = _answer(result)
        if answer is None:
            raise self._no_answer(result)
        if "error" in answer:
            raise RemoteError(
                f"{self.transport.name}: {answer['error']}",
                hint=answer.get("hint", ""),
                kind=answer.get("kind", "failed"),
            )
        return answer

    async def _try_password(self, password: SecretText) -> None:
        """Alone on standard input: sudo tries what follows a wrong password as passwords too, and
        three wrong ones lock some accounts. Raises: RemoteError, PasswordNeededError."""
        argv = self._argv(sent_program.NOTHING)
        result = await self.transport.run(argv, stdin=password.reveal().encode() + b"\n")
        if result.code:
            raise self._no_answer(result)
        self._accepted = True

    def _argv(self, words: tuple[str, ...] = sent_program.ARGV) -> tuple[str, ...]:
        if not self._become:
            return words
        if self._password is None:
            return (*_SUDO, "-n", "--", *words)
        # -k: the password is asked for whatever sudo remembers, so that it is always read
        return (*_SUDO, "-S", "-k", "-p", "", "--", *words)

    def _no_answer(self, result: Result) -> NodeError:
        """Why there is no answer, from the exit code and the words of the shell or of sudo."""
        name, said = self.transport.name, result.complaint
        without = result.code in _NO_PYTHON or "command not found" in said  # sudo's own is exit 1
        if self._become and result.code == 1 and not without and "Traceback" not in said:
            return self._refused_by_sudo(said)
        if without:
            what = "sudo" if self._become and "python3" not in said else "python3"
            return RemoteError(
                f"{name}: the node has no {what}: {said}",
                hint="install it there (apt install python3, apk add python3)"
                if what == "python3"
                else "install sudo there, or log in as root and leave deploy.become out",
                kind="python",
            )
        return RemoteError(
            f"{name}: the node gave no answer (exit {result.code}): {said}",
            hint="python3 there must be 3.8 or later, and the login shell must print nothing",
            kind=SILENT,
        )

    def _refused_by_sudo(self, said: str) -> NodeError:
        name = self.transport.name
        if any(words in said for words in _MAY_NOT):
            return RemoteError(
                f"{name}: sudo refuses: {said}",
                hint="give the login user the right to run python3 through sudo (on Debian: "
                "`usermod -aG sudo USER` as root), or log in as root and leave deploy.become out",
                kind="rights",
            )
        if self._password is not None:
            return PasswordNeededError(
                f"{name}: sudo did not accept the password",
                hint="run it again; what is asked for is the login user's password on the node",
                wrong=True,
            )
        return PasswordNeededError(
            f"{name}: sudo wants a password",
            hint="run it on a terminal to be asked for the password, or allow the login user "
            "to use sudo without one (NOPASSWD)",
        )


def _answer(result: Result) -> dict[str, Any] | None:
    """The last line of the output: login scripts may have printed something before it."""
    for line in reversed(result.stdout.splitlines()):
        if line.startswith(b"{"):
            try:
                found = json.loads(line)
            except ValueError:
                return None
            return found if isinstance(found, dict) else None
    return None
