"""Script files checked here and pushed."""

import json
from pathlib import Path

import pytest

from services.cli.failures import ExitCode
from shared.http.problems import problem_response
from tests.integration.cli.commands.back_office import DEPLOYMENT, HASH, BackOffice, deployment
from tests.integration.cli.commands.conftest import Callboard

GOOD = """\
id: welcome
chats: ["@lobby"]
scenes:
  hello:
    triggers:
      - message: {text: hello}
    steps:
      - reply: Hello!
tests:
  - name: greets
    dialogue:
      - guest: hello
      - expect: Hello!
"""


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A script that is right, in the current directory."""
    file = tmp_path / "good.yaml"
    file.write_text(GOOD)
    return file


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A script with an unknown step in its eighth line."""
    file = tmp_path / "bad.yaml"
    file.write_text(GOOD.replace("reply: Hello!", "replay: Hello!"))
    return file


def test_check_needs_no_connection(alone: Callboard, good: Path) -> None:
    """An editor on a train must be able to check."""
    result = alone("scripts", "check", str(good))
    assert (result.exit_code, result.stdout) == (ExitCode.OK, f"{good}: good, 1 tests passed\n")


def test_check_names_line_and_column(alone: Callboard, good: Path, bad: Path) -> None:
    """Editors jump to file:line:column; a bad file must not hide the verdict on the good one."""
    result = alone("scripts", "check", str(bad), str(good))
    assert result.exit_code == ExitCode.FAILED
    assert result.stdout.startswith(f"{bad}:8:9: ")
    assert f"{good}: good" in result.stdout
    assert "1 of 2 files" in result.stderr


def test_check_shows_a_tests_difference(alone: Callboard, good: Path) -> None:
    """'Test failed' without the difference sends the author guessing."""
    good.write_text(GOOD.replace("expect: Hello!", "expect: Goodbye!"))
    result = alone("scripts", "check", str(good), "--json")
    (verdict,) = json.loads(result.stdout)
    assert (result.exit_code, verdict["good"]) == (ExitCode.FAILED, False)
    assert "- Goodbye!" in verdict["tests"][0]["difference"]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"#" * 300_000])
def test_check_bears_any_file(alone: Callboard, tmp_path: Path, content: bytes) -> None:
    """A picture given by mistake must get a sentence."""
    file = tmp_path / "odd.yaml"
    file.write_bytes(content)
    result = alone("scripts", "check", str(file))
    assert result.exit_code == ExitCode.FAILED
    assert result.stdout.startswith(f"{file}:1:1: is ")


def test_push_sends_the_exact_bytes(callboard: Callboard, office: BackOffice, good: Path) -> None:
    """The hash names exact bytes; a changed line ending would be another version."""
    content = GOOD.replace("\n", "\r\n").encode()
    good.write_bytes(content)
    result = callboard("scripts", "push", str(good))
    assert result.exit_code == ExitCode.OK, result.stderr
    assert office.bodies == [("application/yaml", content)]
    assert "welcome version 3 is stored" in result.stdout


@pytest.mark.parametrize(
    ("newest", "said"),
    [
        (3, "welcome: this is version 3 already (abababababab), the newest\n"),
        (4, "welcome: this is version 3 already (abababababab), the newest is 4\n"),
    ],
)
def test_push_of_what_is_stored_already(
    callboard: Callboard, office: BackOffice, good: Path, newest: int, said: str
) -> None:
    """'Version 3 is stored', of a text that was there before version 4, lets its author believe that it counts now."""
    office.newest_version = newest
    assert callboard("scripts", "push", str(good)).stdout == said
    asked = len(office.asked)
    answer = json.loads(callboard("scripts", "push", str(good), "--json").stdout)
    assert answer["script"] == {"script_id": "welcome", "version": 3, "hash": HASH}
    assert len(office.asked) == asked + 1


def test_push_of_a_bad_file_sends_nothing(callboard: Callboard, office: BackOffice, bad: Path) -> None:
    """A script that its author can see is wrong must not get as far as the deployer."""
    result = callboard("scripts", "push", str(bad))
    assert result.exit_code == ExitCode.REFUSED
    assert f"{bad}:8:9: " in result.stderr
    assert office.asked == []


def test_push_that_the_deployer_refuses(callboard: Callboard, office: BackOffice, good: Path) -> None:
    """A deployer with newer rules names the place too; it must be seen."""
    errors = [{"field": "scenes.hello", "message": "is not welcome", "line": 4, "column": 3, "hint": "be nice"}]
    office.refusal = problem_response(422, "invalid-script", "the script has a problem", errors)
    result = callboard("scripts", "push", str(good))
    assert result.exit_code == ExitCode.REFUSED
    assert result.stderr.splitlines()[1] == "  4:3: scenes.hello: is not welcome (be nice)"


def test_push_deploy_and_wait(callboard: Callboard, office: BackOffice, good: Path) -> None:
    """The one command of the first five minutes: store, send, and know that it runs everywhere."""
    office.course = [deployment("succeeded", ("node-a", "verified", None))]
    result = callboard("scripts", "push", str(good), "--deploy", "--nodes", "node-a", "--bind", "all", "--wait")
    assert result.exit_code == ExitCode.OK, result.stderr
    assert office.bodies[1] == {"node_ids": ["node-a"], "version": 3, "bind": "all"}
    assert DEPLOYMENT in result.stdout


def test_push_as_json_is_one_document(callboard: Callboard, office: BackOffice, good: Path) -> None:
    """Two documents on stdout break every parser."""
    result = callboard("scripts", "push", str(good), "--deploy", "--selector", "a=b", "--json")
    answer = json.loads(result.stdout)
    assert answer["script"]["version"] == 3
    assert answer["deployment"]["deployment_id"] == DEPLOYMENT


def test_push_does_not_guess(callboard: Callboard, office: BackOffice, good: Path) -> None:
    """Nodes without --deploy would be forgotten in silence."""
    assert callboard("scripts", "push", str(good), "--nodes", "node-a").exit_code == ExitCode.USAGE
    assert callboard("scripts", "push", str(good), "--deploy").exit_code == ExitCode.USAGE
    assert callboard("scripts", "push", "missing.yaml").exit_code == ExitCode.USAGE
    assert office.asked == []


def test_show_an_older_version(callboard: Callboard) -> None:
    """To roll back one has to read what one rolls back to."""
    assert callboard("scripts", "show", "welcome", "--version", "2").stdout.endswith("\nid: welcome\nchats: []\n")
