"""What a YAML parser says, in words that help someone who mistyped."""

from __future__ import annotations

import yaml

CONFLICT_MARKS = ("<<<<<<< ", ">>>>>>> ")
# a part of the parser's problem text -> (message, hint)
_KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        "mapping values are not allowed",
        "a `:` stands where no key is expected",
        "indent the line like its neighbours, and put text that holds `: ` in quotes.",
    ),
    (
        "did not find expected ',' or '}'",
        "a `,` or the closing `}` is missing",
        "separate the entries by commas and close the brace; put IPv6 addresses in quotes.",
    ),
    (
        "did not find expected ',' or ']'",
        "a `,` or the closing `]` is missing",
        "separate the entries by commas and close the bracket; put IPv6 addresses in quotes.",
    ),
    (
        "did not find expected key",
        "this line is indented unlike the ones before it",
        "entries of one mapping start in the same column.",
    ),
    (
        "did not find expected '-' indicator",
        "this line is indented unlike the list before it",
        "entries of one list start with `-` in the same column.",
    ),
    (
        "could not find expected ':'",
        "a key without its `:`",
        "write `key: value`, with a space after the colon.",
    ),
    (
        "found unexpected end of stream",
        "the file ends inside a quoted text",
        "close the quote that is open.",
    ),
    (
        "found unknown escape character",
        "an unknown escape after `\\` in a quoted text",
        "use single quotes when backslashes are meant as they are.",
    ),
    (
        "cannot start any token",
        "this character cannot start a value",
        "put the text in quotes.",
    ),
)
_EXPECTED = (
    ("expected ',' or '}', but got", 1),
    ("expected ',' or ']', but got", 2),
    ("expected <block end>, but found '-'", 4),
    ("expected <block end>", 3),
)


def explain_yaml_error(error: yaml.YAMLError, text: str) -> tuple[tuple[int, int], str, str]:
    """-> ((line, column), message, hint)."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith(CONFLICT_MARKS):
            return (
                (number, 1),
                "git left a merge conflict here",
                ("keep what is right of both sides, and delete the lines with the marks."),
            )
    if not isinstance(error, yaml.MarkedYAMLError):
        return (1, 1), "the text is not YAML", "check it with another YAML tool."
    mark = error.problem_mark or error.context_mark
    place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    problem = str(error.problem or error.context or "")
    lines = text.split("\n", place[0])
    line = lines[place[0] - 1] if len(lines) >= place[0] else ""
    if line[place[1] - 1 : place[1]] == "\t" or line[: len(line) - len(line.lstrip())].count("\t"):
        return place, "a tab is used as indentation", "YAML indents by spaces only."
    opened = ""
    if (
        error.context_mark
        and error.context_mark.line + 1 != place[0]
        and "flow" in str(error.context)
    ):
        opened = f"; it was opened in line {error.context_mark.line + 1}"
    for part, index in _EXPECTED:
        if part in problem:
            problem = _KNOWN[index][0]
            break
    for part, message, hint in _KNOWN:
        if part in problem:
            return place, message + opened, hint
    return place, f"not well-formed YAML: {problem[:100]}", "put text with special signs in quotes."
