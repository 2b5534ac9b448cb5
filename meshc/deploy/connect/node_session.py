"""Requests to the program on a node, over any transport, as root or through sudo."""

from __future__ import annotations

import re

from meshc.deploy.connect import sent_program
from meshc.deploy.connect.transport import Result, Transport
from meshc.deploy.protocol import A, Call, Directories, Failure, FailureReason, Request
from meshc.deploy.protocol_json import ProtocolError, decode_answer
from meshc.errors import NodeError
from meshc.render.report.text import visible
from meshc.secret import SecretText

_NO_PYTHON = (126, 127)
_MAY_NOT = ("not in the sudoers", "not allowed", "may not run sudo")
_REFUSALS = re.compile(r"(?m)^sudo(-rs)?: (?!unable to resolve host|setrlimit)|^Sorry, ")
"""What sudo itself says when it runs nothing; a program that it has run may end with 1 as well."""
_WORDS = 2000
_SUDO = ("env", "LC_ALL=C", "sudo")  # its words are read below: not in another language


class RemoteError(NodeError):
    """The node refused, or cannot be asked."""

    def __init__(
        self, message: str, *, hint: str = "", reason: FailureReason = FailureReason.FAILED
    ) -> None:
        self.reason = reason
        super().__init__(message, hint=hint)


class NoAnswerError(RemoteError):
    """The node said nothing, or nothing that can be read, about how far it came."""


class PasswordNeededError(NodeError):
    """sudo on `node` wants a password and has not got the right one. `wrong`: it was given one."""

    def __init__(
        self, message: str, *, node: str = "", hint: str = "", wrong: bool = False
    ) -> None:
        self.node, self.wrong = node, wrong
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
        directories: Directories = Directories(),  # noqa: B008 (it is frozen)
    ) -> None:
        self.transport = transport
        self.interface = interface
        self._directories = directories
        self._become = become
        self.password = password
        self._accepted = False

    async def call(self, request: Request[A], *, timeout: float = 90, payload: bytes = b"") -> A:
        """One request; `payload` follows it. Raises: TransportError, RemoteError,
        PasswordNeededError."""
        whole = Call(self.interface, self._directories, request)
        password = self.password if self._become else None
        if password is not None and not self._accepted:
            await self._try_password(password)
        try:
            data = sent_program.stdin(whole, password=password, payload=payload)
        except ProtocolError as error:
            why = f"{self.transport.name}: the request cannot be sent: {error}"
            raise RemoteError(why, reason=FailureReason.PROTOCOL) from None
        result = await self.transport.run(self._argv(), stdin=data, timeout=timeout)
        line = _last_object(result.stdout)
        if line is None:
            raise self._no_answer(result)
        try:
            answer = decode_answer(line, request)
        except ProtocolError as error:
            raise NoAnswerError(
                f"{self.transport.name}: what the node answered is no answer: {error}",
                hint="log in and run python3 there: it, and the login shell, must print nothing "
                "of their own",
                reason=FailureReason.PROTOCOL,
            ) from None
        if isinstance(answer, Failure):
            raise RemoteError(
                f"{self.transport.name}: {said_by_node(answer.message)}",
                hint=said_by_node(answer.hint),
                reason=answer.reason,
            )
        return answer

    async def run(self, words: tuple[str, ...], *, data: bytes, timeout: float = 30) -> Result:
        """A program of the node, with `data` as the last that it reads: a password that sudo did
        not ask for is a line before it. What it left behind, whatever its exit code.

        Raises: TransportError, RemoteError, PasswordNeededError when sudo will not run it.
        """
        password = self.password if self._become else None
        if password is not None and not self._accepted:
            await self._try_password(password)
        first = b"" if password is None else password.reveal().encode() + b"\n"
        result = await self.transport.run(self._argv(words), stdin=first + data, timeout=timeout)
        if self._refused(result):
            raise self._no_answer(result)
        return result

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
        if self.password is None:
            return (*_SUDO, "-n", "--", *words)
        # -k: the password is asked for whatever sudo remembers, so that it is always read
        return (*_SUDO, "-S", "-k", "-p", "", "--", *words)

    def _refused(self, result: Result) -> bool:
        """Whether it is sudo that ended, before anything ran."""
        said = result.stderr.decode("utf-8", "replace")
        own = _REFUSALS.search(said) or any(words in said for words in _MAY_NOT)
        return self._become and result.code == 1 and bool(own)

    def _no_answer(self, result: Result) -> NodeError:
        """Why there is no answer, from the exit code and the words of the shell or of sudo."""
        name, said = self.transport.name, result.complaint
        without = result.code in _NO_PYTHON or "command not found" in said  # sudo's own is exit 1
        if self._refused(result) and not without:
            return self._refused_by_sudo(said)
        if without:
            what = "sudo" if self._become and "python3" not in said else "python3"
            return RemoteError(
                f"{name}: the node has no {what}: {said}",
                hint="install it there (apt install python3, apk add python3)"
                if what == "python3"
                else "install sudo there, or log in as root and leave deploy.become out",
                reason=FailureReason.TOOL,
            )
        return NoAnswerError(
            f"{name}: the node gave no answer (exit {result.code}): {said}",
            hint="python3 there must be 3.8 or later, and the login shell must print nothing",
        )

    def _refused_by_sudo(self, said: str) -> NodeError:
        name = self.transport.name
        if any(words in said for words in _MAY_NOT):
            return RemoteError(
                f"{name}: sudo refuses: {said}",
                hint="give the login user the right to run python3 through sudo (on Debian: "
                "`usermod -aG sudo USER` as root), or log in as root and leave deploy.become out",
                reason=FailureReason.RIGHTS,
            )
        if self.password is not None:
            return PasswordNeededError(
                f"{name}: sudo did not accept the password",
                node=name,
                hint="run it again; what is asked for is the login user's password on the node",
                wrong=True,
            )
        return PasswordNeededError(
            f"{name}: sudo wants a password",
            node=name,
            hint="run it on a terminal to be asked for the password, or allow the login user "
            "to use sudo without one (NOPASSWD)",
        )


def said_by_node(text: str) -> str:
    """Words of a node as they may be shown: nothing in them moves a cursor, and no more than a
    message is long."""
    return visible(text if len(text) <= _WORDS else text[:_WORDS] + "...")


def _last_object(output: bytes) -> bytes | None:
    """The answer in the output: login scripts may have printed something before it."""
    lines = reversed(output.splitlines())
    return next((line for line in lines if line.startswith(b"{")), None)
