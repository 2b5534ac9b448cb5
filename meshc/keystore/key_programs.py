"""Secrets that other programs keep: pass, gopass, Vault, the CLI of a KMS.

Three programs, given by the environment, because a file that others commit to must not say what
runs on this machine. In their words `{name}` is what the secret is called: `laptop.key`,
`network.secret`, `retired/laptop.20270131T120000Z.key`.

    MESHC_KEYS_GET     prints the secret; ends with 1 and prints nothing when there is none
    MESHC_KEYS_PUT     takes it on standard input, and replaces what is there
    MESHC_KEYS_DELETE  forgets it; needed to rotate and to revoke only

No shell runs them, and no secret is ever among their arguments.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from meshc.errors import KeyFormatError, StateError
from meshc.keys import NetworkSecret, PresharedKey, PrivateKey
from meshc.keystore.key_files import PRESHARED, SECRET, SUFFIX
from meshc.keystore.store import StoredKey
from meshc.values import dataclass

GET, PUT, DELETE = "MESHC_KEYS_GET", "MESHC_KEYS_PUT", "MESHC_KEYS_DELETE"
_ABSENT = 1
_PATIENCE = 120  # seconds: a person may have to unlock the store
_AT_ONCE = 8
_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class ProgramWords:
    """The programs as lists of words; `delete` may be empty."""

    get: tuple[str, ...]
    put: tuple[str, ...]
    delete: tuple[str, ...] = ()


def configured(environment: Mapping[str, str] | None = None) -> ProgramWords:
    """The programs that the environment names. Raises: StateError."""
    environment = os.environ if environment is None else environment
    found = []
    for variable in (GET, PUT, DELETE):
        try:
            words = tuple(shlex.split(environment.get(variable, "")))
        except ValueError as error:
            raise StateError(
                f"{variable} cannot be read: {error}", hint="look at its quotes"
            ) from None
        if words and not any("{name}" in word for word in words):
            raise StateError(
                f"{variable} does not say where the secret's name goes",
                hint="write {name} into it, such as: pass show wg/{name}",
            )
        found.append(words)
    if not found[0] or not found[1]:
        raise StateError(
            "the keys of this network are kept by programs, and none are named",
            hint=f"such as {GET}='pass show wg/{{name}}' and {PUT}='pass insert -m wg/{{name}}'",
        )
    return ProgramWords(*found)


class KeyPrograms:
    """The secrets of one network, kept by programs."""

    def __init__(self, directory: Path, network: str, programs: ProgramWords) -> None:
        self.directory = directory
        self.network = network
        self._programs = programs

    def read(self, names: Iterable[str]) -> dict[str, StoredKey]:
        return {
            name: StoredKey(name, self._key(name, text), self.path(name), 0.0, False)
            for name, text in self._all(names, SUFFIX).items()
        }

    def create(self, keys: Mapping[str, PrivateKey]) -> dict[str, PrivateKey]:
        found = self.read(keys)
        for name, key in keys.items():
            if name not in found:
                self._put(name + SUFFIX, key.reveal())
        return {name: found[name].key if name in found else key for name, key in keys.items()}

    def secret(self) -> NetworkSecret | None:
        text = self._get(SECRET)
        try:
            return None if text is None else NetworkSecret.parse(text)
        except KeyFormatError as error:
            raise _damaged(SECRET, error) from None

    def create_secret(self, secret: NetworkSecret) -> NetworkSecret:
        found = self.secret()
        if found is None:
            self._put(SECRET, secret.reveal())
        return found or secret

    def read_preshared(self, names: Iterable[str]) -> dict[str, PresharedKey]:
        found = {}
        for name, text in self._all(names, PRESHARED).items():
            try:
                found[name] = PresharedKey.parse(text)
            except KeyFormatError as error:
                raise _damaged(name + PRESHARED, error) from None
        return found

    def create_preshared(self, keys: Mapping[str, PresharedKey]) -> dict[str, PresharedKey]:
        found = self.read_preshared(keys)
        for name, key in keys.items():
            if name not in found:
                self._put(name + PRESHARED, key.reveal())
        return {**keys, **found}

    def retire(self, name: str) -> Path | None:
        text = self._get(name + SUFFIX)
        if text is None:
            return None
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        aside = f"retired/{name}.{stamp}{SUFFIX}"
        self._put(aside, text)
        self._delete(name + SUFFIX)
        return self.directory / aside

    def holdings(self, name: str) -> list[Path]:
        return [self.path(name)] if self._get(name + SUFFIX) is not None else []

    def destroy(self, name: str) -> list[Path]:
        held = self.holdings(name)
        if held:
            self._delete(name + SUFFIX)
        return held

    def path(self, name: str) -> Path:
        return self.directory / (name + SUFFIX)

    def _key(self, name: str, text: str) -> PrivateKey:
        try:
            return PrivateKey.parse(text)
        except KeyFormatError as error:
            raise _damaged(name + SUFFIX, error) from None

    def _all(self, names: Iterable[str], suffix: str) -> dict[str, str]:
        wanted = list(names)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            texts = pool.map(lambda name: self._get(name + suffix), wanted)
            return {
                name: text for name, text in zip(wanted, texts, strict=True) if text is not None
            }

    def _get(self, secret: str) -> str | None:
        done = self._run(GET, self._programs.get, secret)
        text = done.stdout[:_LIMIT].decode("ascii", "replace").strip()
        if done.returncode == _ABSENT and not text:
            return None
        if done.returncode != 0 or not text:
            raise StateError(
                f"{GET} ended with {done.returncode} for {secret}",
                hint="try it by hand; 1, with nothing printed, means that there is no such secret",
            )
        return text

    def _put(self, secret: str, text: str) -> None:
        done = self._run(PUT, self._programs.put, secret, text + "\n")
        if done.returncode != 0 or self._get(secret) != text:
            raise StateError(
                f"{secret} is not kept: {PUT} ended with {done.returncode}, and {GET} does not "
                "give it back",
                hint="try both by hand",
            )

    def _delete(self, secret: str) -> None:
        if not self._programs.delete:
            raise StateError(
                f"{secret} cannot be taken out of the store", hint=f"set {DELETE} as well"
            )
        done = self._run(DELETE, self._programs.delete, secret)
        if done.returncode != 0 or self._get(secret) is not None:
            raise StateError(f"{DELETE} ended with {done.returncode} for {secret}", hint="try it")

    def _run(
        self, variable: str, words: tuple[str, ...], secret: str, given: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        argv = [word.replace("{name}", secret) for word in words]
        try:
            return subprocess.run(
                argv, input=given.encode(), stdout=subprocess.PIPE, timeout=_PATIENCE, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            reason = error.strerror if isinstance(error, OSError) else "it did not end"
            raise StateError(f"{variable} did not run: {reason}", hint="try it by hand") from None


def _damaged(secret: str, error: KeyFormatError) -> StateError:
    return StateError(f"{secret} is damaged: {error}", hint="put it back from a copy")
