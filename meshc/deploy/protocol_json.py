"""The text of the deploy protocol: one line of JSON for a request, and one for its answer.

Reading goes by the annotations of the types and takes nothing else: no unknown name, none that is
missing, no value of another type, nothing that is too large. A type says how deep its values go,
so that nothing deeper is ever walked. Whatever is wrong is one ProtocolError, which repeats
nothing of what the other side wrote but names that are known here.
"""

# ruff: noqa: UP006, UP007, UP035 (Python 3.8 cannot evaluate the newer spelling)

import json
import math
from collections import abc
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Dict, List, Tuple, Type, TypeVar, Union, cast, get_args, get_origin

from meshc.deploy.protocol import REQUESTS, A, Call, Directories, Failure, Request

VERSION = 1
LIMIT = 16 << 20  # bytes of a line; a file with three thousand peers has less than one million
ANSWER_LIMIT = 4 << 20  # bytes of one that is read: values in memory are twenty times their text
_INTEGER = 1 << 63
_NAMES = {request: name for name, request in REQUESTS.items()}

T = TypeVar("T")


class ProtocolError(Exception):
    """The other side did not keep to the protocol."""


def encode_call(call: Call[Any]) -> bytes:
    """One line, with its end. Raises: ProtocolError when it is too large."""
    return _line(
        {
            "version": VERSION,
            "interface": call.interface,
            "directories": plain(call.directories),
            "name": _NAMES[type(call.request)],
            "request": plain(call.request),
        }
    )


def decode_call(line: bytes) -> Call[Any]:
    """Raises: ProtocolError."""
    whole = _object(parsed(line), {"version", "interface", "directories", "name", "request"}, "")
    if value(int, whole["version"], "version") != VERSION:
        raise ProtocolError("version is not the one of this program")
    request = REQUESTS.get(value(str, whole["name"], "name"))
    if request is None:
        raise ProtocolError("name is not that of a request")
    return Call(
        value(str, whole["interface"], "interface"),
        value(Directories, whole["directories"], "directories"),
        value(request, whole["request"], "request"),
    )


def encode_answer(answer: object) -> bytes:
    """One line, with its end, for an answer or a failure. Raises: ProtocolError when it is too
    large."""
    return _line({"failure" if isinstance(answer, Failure) else "answer": plain(answer)})


def decode_answer(line: bytes, request: Request[A]) -> Union[A, Failure]:
    """The answer to a request. Raises: ProtocolError."""
    found = parsed(line, ANSWER_LIMIT)
    if isinstance(found, dict) and set(found) == {"failure"}:
        return value(Failure, found["failure"], "failure")
    whole = _object(found, {"answer"}, "")
    return cast(A, value(answer_type(type(request)), whole["answer"], "answer"))


def answer_type(request: Type[Any]) -> Type[Any]:
    """The type that answers a type of request."""
    (found,) = get_args(request.__orig_bases__[0])
    return cast(Type[Any], found)


def plain(given: Any) -> Any:
    """A value as JSON has it."""
    if is_dataclass(given):
        return {one.name: plain(getattr(given, one.name)) for one in fields(given)}
    if isinstance(given, Enum):
        return given.value
    if isinstance(given, abc.Mapping):
        return {key: plain(item) for key, item in given.items()}
    if isinstance(given, (set, frozenset)):
        return sorted(plain(item) for item in given)
    if isinstance(given, (tuple, list)):
        return [plain(item) for item in given]
    return given


def value(kind: Type[T], given: Any, where: str) -> T:
    """What `plain` was given, of this type. Raises: ProtocolError, which names `where`."""
    return cast(T, _value(kind, given, where))


def _value(kind: Any, given: Any, where: str) -> Any:
    if get_origin(kind) is None:
        return _simple(kind, given, where)
    if get_origin(kind) is Union:  # Optional
        (wanted,) = (one for one in get_args(kind) if one is not type(None))
        return None if given is None else _value(wanted, given, where)
    return _collection(get_origin(kind), get_args(kind), given, where)


def _simple(kind: Any, given: Any, where: str) -> Any:
    if is_dataclass(kind):
        types = {one.name: one.type for one in fields(kind)}
        whole = _object(given, set(types), where)
        read = {name: _value(of, whole[name], f"{where}.{name}") for name, of in types.items()}
        return cast(Any, kind)(**read)
    if issubclass(kind, Enum):
        for member in kind:
            if isinstance(given, str) and member.value == given:
                return member
        raise ProtocolError(f"{where} is none of the words for it")
    if kind is float and type(given) is int:
        given = float(given) if abs(given) < _INTEGER else math.inf
    if type(given) is not kind:
        raise ProtocolError(f"{where} is not {kind.__name__}")
    if kind is int and abs(given) >= _INTEGER:
        raise ProtocolError(f"{where} is too large a number")
    if kind is float and not math.isfinite(given):
        raise ProtocolError(f"{where} is not a finite number")
    if kind is str:
        _check_text(given, where)
    return given


def _collection(origin: Any, of: Tuple[Any, ...], given: Any, where: str) -> Any:
    if origin is abc.Mapping:
        if not isinstance(given, dict):
            raise ProtocolError(f"{where} is not an object")
        for key in given:
            _check_text(key, where)
        return {key: _value(of[1], item, f"{where}[]") for key, item in given.items()}
    if not isinstance(given, list):
        raise ProtocolError(f"{where} is not a list")
    if origin is tuple and of[1:] != (Ellipsis,):
        if len(given) != len(of):
            raise ProtocolError(f"{where} has not {len(of)} items")
        return tuple(_value(one, item, f"{where}[]") for one, item in zip(of, given))  # noqa: B905
    return origin(_value(of[0], item, f"{where}[]") for item in given)


def _check_text(text: str, where: str) -> None:
    """JSON can spell half a surrogate pair, which is no text and fails wherever it is written."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ProtocolError(f"{where} is not text") from None


def _object(given: Any, names: "set[str]", where: str) -> Dict[str, Any]:
    said = where or "the line"
    if not isinstance(given, dict):
        raise ProtocolError(f"{said} is not an object")
    missing = sorted(names - set(given))
    if missing:
        raise ProtocolError(f"{said} has no {missing[0]}")
    if len(given) != len(names):
        raise ProtocolError(f"{said} has a name that is not known")
    return given


def _line(whole: Dict[str, Any]) -> bytes:
    line = json.dumps(whole).encode() + b"\n"
    if len(line) > LIMIT:
        raise ProtocolError(f"it has more than {LIMIT >> 20} MiB")
    return line


def parsed(line: bytes, limit: int = LIMIT) -> Any:
    """What JSON says, before anything is known of it. Raises: ProtocolError."""
    if len(line) > limit:
        raise ProtocolError(f"it has more than {limit >> 20} MiB")
    try:
        return json.loads(line, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise ProtocolError("it is nested too deep") from None
    except ValueError:  # a number with too many digits as well
        raise ProtocolError("it is not JSON") from None


def _once(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ProtocolError("it says something twice")
    return found


def _no_constant(_: str) -> Any:
    raise ProtocolError("it has a number that is not finite")
