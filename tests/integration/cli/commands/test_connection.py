"""Where the command line connects to, and what it says when it cannot."""

import json
from pathlib import Path

import pytest

from services.cli.connection import Connection, find_connection
from services.cli.failures import CommandFailed, ExitCode
from tests.integration.cli.commands.back_office import TOKEN, BackOffice, node
from tests.integration.cli.commands.conftest import Callboard
from tests.support.live_http import free_url

KEPT = Connection("http://127.0.0.1:1234", "token-of-the-file")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment whose home has a connection file."""
    (tmp_path / "connection.json").write_text(json.dumps({"url": KEPT.url + "/", "token": KEPT.token}))
    return {"CALLBOARD_HOME": str(tmp_path)}


def test_the_file_of_callboard_up_is_enough(environment: dict[str, str]) -> None:
    """After `callboard up` an operator should not have to copy a token."""
    assert find_connection(None, None, environment) == KEPT


def test_options_come_before_the_environment_before_the_file(environment: dict[str, str]) -> None:
    """An operator with two back offices would otherwise command the wrong one."""
    environment |= {"CALLBOARD_URL": "http://env:1", "CALLBOARD_TOKEN": "token-of-env"}
    assert find_connection(None, None, environment) == Connection("http://env:1", "token-of-env")
    assert find_connection("http://option:1/", "t", environment) == Connection("http://option:1", "t")
    assert find_connection(None, "t", environment) == Connection("http://env:1", "t")


def test_the_files_token_goes_to_no_other_address(environment: dict[str, str]) -> None:
    """A mistyped --url would hand the operator's token to a stranger."""
    with pytest.raises(CommandFailed, match="there is no token for http://elsewhere:1"):
        find_connection("http://elsewhere:1", None, environment)
    assert find_connection(KEPT.url, None, environment) == KEPT


@pytest.mark.parametrize("content", ["", "[]", '{"url": "http://x"}', "\x80"])
def test_a_broken_file_is_named(environment: dict[str, str], content: str) -> None:
    """A half-written file must not look like a network fault."""
    path = Path(environment["CALLBOARD_HOME"], "connection.json")
    path.write_text(content)
    with pytest.raises(CommandFailed, match=r"connection\.json is not"):
        find_connection(None, None, environment)


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://x", "http://", "http://[", "board"])
def test_what_is_no_address_is_refused(url: str) -> None:
    """A forgotten http:// must be said, not end in a traceback."""
    with pytest.raises(CommandFailed, match="is not an address"):
        find_connection(url, "t", {})


def test_a_connection_does_not_show_its_token() -> None:
    """A token in a log or a traceback is a token given away."""
    assert KEPT.token not in repr(KEPT)


def test_without_a_connection_it_says_what_to_do(alone: Callboard) -> None:
    """A new user's first command must lead to the second."""
    result = alone("nodes")
    assert result.exit_code == ExitCode.UNREACHABLE
    assert "callboard up" in result.stderr
    assert result.stdout == ""


def test_an_address_where_nothing_answers(alone: Callboard) -> None:
    """Exit code 3 tells a script to try later; a traceback tells it nothing."""
    result = alone("nodes", "--url", free_url(), "--token", "t")
    assert result.exit_code == ExitCode.UNREACHABLE
    assert "nothing answers at" in result.stderr


def test_a_wrong_token(callboard: Callboard) -> None:
    """A refused token must not look like an empty fleet."""
    result = callboard("--token", "wrong", "nodes")
    assert result.exit_code == ExitCode.UNREACHABLE
    assert "not signed in" in result.stderr


def test_something_else_at_the_address(alone: Callboard, office: BackOffice, address: str) -> None:
    """Another web server at the address answers 200 too; its page is not an empty fleet."""
    from starlette.responses import HTMLResponse

    office.refusal = HTMLResponse("<h1>It works!</h1>")
    result = alone("nodes", "--url", address, "--token", TOKEN)
    assert result.exit_code == ExitCode.UNREACHABLE
    assert "is the address right?" in result.stderr


@pytest.mark.parametrize(
    "words",
    [("--json", "nodes", "list"), ("nodes", "--json", "list"), ("nodes", "list", "--json"), ("nodes", "--json")],
)
def test_the_options_stand_anywhere(callboard: Callboard, office: BackOffice, words: tuple[str, ...]) -> None:
    """An operator who has to remember the place of --json will parse tables instead."""
    office.nodes = [node("node-a")]
    result = callboard(*words)
    assert json.loads(result.stdout)["items"][0]["node_id"] == "node-a"
    assert result.exit_code == ExitCode.OK
