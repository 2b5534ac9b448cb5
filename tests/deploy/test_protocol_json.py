"""What one side says the other reads, and everything else is one error."""

from __future__ import annotations

import json
from typing import Any, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.deploy.protocol import (
    REQUESTS,
    AskFacts,
    Call,
    Directories,
    DirectoryFacts,
    Facts,
    Failure,
    FailureReason,
    Pending,
    RunningInterface,
    RunningPeer,
    State,
    Supervisor,
)
from meshc.deploy.protocol_json import (
    LIMIT,
    ProtocolError,
    answer_type,
    decode_answer,
    decode_call,
    encode_answer,
    encode_call,
)

ASK = AskFacts("salt")
PEER = RunningPeer(("10.0.0.2/32", "fd00::/64"), 1_700_000_000)
FACTS = Facts(
    programs={"wg": "/usr/bin/wg"},
    conf="[Interface]\n# é\n",
    deployed_env={"A": "b"},
    pending=Pending(True, 30),
    running=RunningInterface(True, Supervisor.MESHC_UNIT, "key", 51820, {"peer": PEER}),
    enabled=frozenset({Supervisor.MESHC_UNIT, Supervisor.WG_QUICK_UNIT}),
)
PLAIN: Any = json.loads(encode_answer(FACTS))
TYPES = [*REQUESTS.values(), *map(answer_type, REQUESTS.values()), Failure]
# hypothesis has no strategy of its own for an abstract type
TEXT = st.text(max_size=8)


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_whatever_is_said_is_read_again(kind: Any, data: st.DataObject) -> None:
    said = data.draw(_values(kind))
    if kind in REQUESTS.values():
        call: Call[Any] = Call("wg0", Directories(), said)
        assert decode_call(encode_call(call)) == call
    else:
        request = next((one for one in REQUESTS.values() if answer_type(one) is kind), AskFacts)
        assert decode_answer(encode_answer(said), object.__new__(request)) == said


def _values(kind: Any) -> st.SearchStrategy[Any]:
    """All values of a type, by its annotations."""
    origin, of = get_origin(kind), get_args(kind)
    if hasattr(kind, "__dataclass_fields__"):
        types = {name: one.type for name, one in kind.__dataclass_fields__.items()}
        return st.builds(kind, **{name: _values(one) for name, one in types.items()})
    if kind is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    if kind is int:
        return st.integers(-(2**63) + 1, 2**63 - 1)
    if kind is str:
        return TEXT
    if origin is tuple and of[1:] != (Ellipsis,):
        return st.tuples(*map(_values, of))
    if origin is tuple:
        return st.lists(_values(of[0]), max_size=3).map(tuple)
    if origin is frozenset:
        return st.frozensets(_values(of[0]), max_size=3)
    if origin is not None and len(of) == 2 and of[1] is not type(None):
        return st.dictionaries(TEXT, _values(of[1]), max_size=3)
    if origin is not None:
        return st.none() | _values(of[0])
    return st.from_type(kind)


def _odd() -> list[tuple[str, Any]]:
    """Each field of the facts in turn is of another type, gone, or has company."""
    found: list[tuple[str, Any]] = []
    for value in (None, 1, -1, True, 1.5, "text", [], {}, [[]], {"a": {}}, [None], "x" * 100):
        for path in _paths(PLAIN):
            found.append((f"{path} {value!r:.20}", _with(PLAIN, path, value)))
    for path in _paths(PLAIN):
        found.append((f"{path} gone", _without(PLAIN, path)))
        found.append((f"{path} more", _with(PLAIN, [*path, "unknown"], 1)))
    return found


def _paths(tree: Any, path: tuple[Any, ...] = ()) -> list[list[Any]]:
    items = tree.items() if isinstance(tree, dict) else []
    below = [found for key, value in items for found in _paths(value, (*path, key))]
    return [*([list(path)] if path else []), *below]


def _with(tree: Any, path: list[Any], value: Any) -> Any:
    if not path:
        return value
    inner = tree.get(path[0]) if isinstance(tree, dict) else None
    rest = _with(inner, path[1:], value)
    return {**tree, path[0]: rest} if isinstance(tree, dict) else {path[0]: rest}


def _without(tree: Any, path: list[Any]) -> Any:
    if len(path) == 1:
        return {key: value for key, value in tree.items() if key != path[0]}
    return {**tree, path[0]: _without(tree[path[0]], path[1:])}


def test_facts_that_are_none_are_one_error_or_other_facts() -> None:
    """Never another exception, and what is read says what was written."""
    refused = 0
    for name, odd in _odd():
        try:
            found = decode_answer(json.dumps(odd).encode(), ASK)
        except ProtocolError:
            refused += 1
        else:
            assert json.loads(encode_answer(found)) == odd, name
    assert refused > 300


LINES = {
    b"": "not JSON",
    b"\xff\xfe": "not JSON",
    b"null": "not an object",
    b"[]": "not an object",
    b"{}": "no answer",
    b'{"answer": null}': "not an object",
    b'{"answer": {}, "failure": {}}': "not known",
    b'{"answer": {}, "answer": {}}': "says something twice",
    b"[" * 1_000_000: "nested too deep",
    b'{"a":' * 100_000: "nested too deep",
    b"9" * 5_000: "not",
    b'{"answer": NaN}': "not finite",
    b'{"failure": {"message": "\\ud800", "hint": "", "reason": "failed"}}': "not text",
    b'{"failure": {"message": "", "hint": "", "reason": "\\u001b[2J"}}': "none of the words",
    b'{"failure": {"message": "", "hint": "", "reason": []}}': "none of the words",
    b" " * (LIMIT + 1): "more than 4 MiB",
}


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_what_is_no_answer_is_one_error(line: bytes) -> None:
    with pytest.raises(ProtocolError, match=LINES[line]):
        decode_answer(line, ASK)


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        (["running", "port"], 2**63, "facts.running.port is too large a number"),
        (["running", "peers", "\ud800"], {}, "facts.running.peers is not text"),
        (["python"], [3, 11], "facts.python has not 3 items"),
        (["uid"], True, "facts.uid is not int"),
        (["state"], "legged", "facts.state is none of the words"),
    ],
)
def test_an_error_says_where_it_is(path: list[str], value: Any, word: str) -> None:
    odd = _with(PLAIN, ["answer", *path], value)
    with pytest.raises(ProtocolError, match=word.replace("facts", "answer")):
        decode_answer(json.dumps(odd).encode(), ASK)


@pytest.mark.parametrize("window", ["1e999", "NaN", "-Infinity", "1" + "0" * 400, '"60"', "true"])
def test_a_time_is_a_finite_number(window: str) -> None:
    line = b'{"version":1,"interface":"wg0","directories":%b,"name":"verify","request":%b}' % (
        json.dumps({"conf": "", "state": "", "environments": ""}).encode(),
        b'{"token":"","public_key":"","peers":{},"patience":%b}' % window.encode(),
    )
    assert decode_call(line.replace(window.encode(), b"60")).request.patience == 60
    with pytest.raises(ProtocolError):
        decode_call(line)


def test_another_version_is_refused() -> None:
    line = encode_call(Call("wg0", Directories(), ASK))
    with pytest.raises(ProtocolError, match="version"):
        decode_call(line.replace(b'"version": 1', b'"version": 2'))


def test_what_is_too_large_is_not_sent() -> None:
    with pytest.raises(ProtocolError, match="more than 16 MiB"):
        encode_answer(Facts(conf="x" * LIMIT))
    with pytest.raises(ProtocolError, match="more than 16 MiB"):
        encode_call(Call("wg0", Directories(), AskFacts("x" * LIMIT)))


def test_a_failure_answers_any_request() -> None:
    failure = Failure("the disk is full", "make room", FailureReason.SPACE)
    for request in REQUESTS.values():
        assert decode_answer(encode_answer(failure), object.__new__(request)) == failure


def test_an_answer_to_something_else_is_none() -> None:
    with pytest.raises(ProtocolError, match="answer has no"):
        decode_answer(encode_answer(DirectoryFacts()), ASK)
    assert FACTS.state is State.IDLE
