"""The one door into the language: text in, a `Script` or its problems out.

The CLI's check, the deployer before it stores, and the agent before it loads all call `parse_script`
and nothing else, so that a script which one of them accepts is accepted by all. It never raises for any
text, and the same text has the same outcome everywhere.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from shared.scripts.checks import check_script
from shared.scripts.errors import MAX_PROBLEMS, Finding, Path, ScriptProblem, ScriptProblems, spelled
from shared.scripts.model import Script
from shared.scripts.source import Document, read_document
from shared.scripts.wording import findings


def parse_script(text: str, source: str = "script.yaml") -> Script | ScriptProblems:
    """The script in `text`, or everything that is wrong with it, in the order of the document.

    `source` is the file's name, for the messages. Problems of the shape are reported before problems
    of meaning: the second are looked for once the shape is right.
    """
    document = read_document(text)
    if isinstance(document, ScriptProblem):
        return ScriptProblems(source, (document,))
    return judge_document(document, source)


def judge_document(document: Document, source: str = "script.yaml") -> Script | ScriptProblems:
    """The same for a document that was read already."""
    plain = document.root.plain()
    if not isinstance(plain, dict):
        line, column = document.root.position
        hint = "a script starts with: id: my-script"
        return ScriptProblems(source, (ScriptProblem(line, column, "", "a script is a set of fields", hint),))
    hint = "write a value, or remove the field"
    empty = [Finding(path, "nothing is written here", hint, at_key=True) for path in _empty(plain)]
    if empty:
        return _located(empty, document, source)
    try:
        script = Script.model_validate(plain)
    except ValidationError as error:
        return _located(findings(error.errors(include_url=False), document), document, source)
    found = check_script(script)
    return _located(found, document, source) if found else script


def _empty(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where a value is missing, as after `chat:` at the end of a line."""
    if value is None:
        yield path
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _empty(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _empty(each, (*path, index))


def _located(found: list[Finding], document: Document, source: str) -> ScriptProblems:
    problems = []
    for each in found:
        line, column = document.locate(each.path, at_key=each.at_key)
        problems.append(ScriptProblem(line, column, spelled(each.path), each.message, each.hint))
    problems.sort(key=lambda problem: (problem.line, problem.column))
    return ScriptProblems(source, tuple(problems[:MAX_PROBLEMS]))
