"""Where the command line connects to, and what it says when it cannot."""

import json
from pathlib import Path

import pytest

from services.cli.connection import ENVIRONMENT, OPTION, Connection, find_connection
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
    found = find_connection(None, None, environment)
    assert (found.url, found.token) == (KEPT.url, KEPT.token)
    assert found.source.name == str(Path(environment["CALLBOARD_HOME"], "connection.json"))


def test_options_come_before_the_environment_before_the_file(environment: dict[str, str]) -> None:
    """An operator with two back offices would otherwise command the wrong one."""
    environment |= {"CALLBOARD_URL": "http://env:1", "CALLBOARD_TOKEN": "token-of-env"}
    assert find_connection(None, None, environment) == Connection("http://env:1", "token-of-env", ENVIRONMENT)
    assert find_connection("http://option:1/", "t", environment) == Connection("http://option:1", "t", OPTION)
    assert find_connection(None, "t", environment) == Connection("http://env:1", "t", OPTION)


def test_the_files_token_goes_to_no_other_address(environment: dict[str, str]) -> None:
    """A mistyped --url would hand the operator's token to a stranger."""
    with pytest.raises(
        CommandFailed, match=r"no token for http://elsewhere:1 \(the one in .* is for http://127.0.0.1:1234"
    ):
        find_connection("http://elsewhere:1", None, environment)
    assert find_connection(KEPT.url, None, environment).token == KEPT.token


@pytest.mark.parametrize("content", ["", "[]", '{"url": "http://x"}', "\x80"])
def test_a_broken_file_is_named(environment: dict[str, str], content: str) -> None:
    """A half-written file must not look like a network fault."""
    path = Path(environment["CALLBOARD_HOME"], "connection.json")
    path.write_text(content)
    with pytest.raises(CommandFailed, match=r"connection\.json is not"):
        find_connection(None, None, environment)


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://x", "http://", "http://[", "board", "http://x/?a=b"])
def test_what_is_no_address_is_refused(url: str) -> None:
    """A forgotten http:// must be said, not end in a traceback."""
    with pytest.raises(CommandFailed, match="is not an address"):
        find_connection(url, "t", {})


def test_a_password_in_the_address_is_not_shown() -> None:
    """An address is shown in every other sentence; a password in it would be, too."""
    with pytest.raises(CommandFailed) as failed:
        find_connection("http://me:my-password@board:1", "t", {})
    assert "user name" in failed.value.sentence
    assert "my-password" not in failed.value.sentence


@pytest.mark.parametrize("token", ["first\nsecond", "t\u00f6ken", "two words", "\u201ctoken\u201d", " "])
@pytest.mark.parametrize("given", ["--token", "CALLBOARD_TOKEN"])
def test_what_cannot_be_a_token_is_the_operators_slip(given: str, token: str) -> None:
    """A line break that was copied along is no fault of Callboard, and a token is never shown."""
    environment = {"CALLBOARD_TOKEN": token} if given == "CALLBOARD_TOKEN" else {}
    with pytest.raises(CommandFailed) as failed:
        find_connection("http://board:1", token if given == "--token" else None, environment)
    assert failed.value.code is ExitCode.UNREACHABLE
    assert f"the token from {given} has a character" in failed.value.sentence
    assert token.strip() == "" or token not in failed.value.sentence


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


def test_a_wrong_token_says_where_it_came_from(
    alone: Callboard, address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An operator with a variable, a file and an option has to know which of them is wrong; no token is shown."""
    said = {}
    said["--token"] = alone("nodes", "--url", address, "--token", "a-wrong-one")
    kept = tmp_path / ".callboard" / "connection.json"
    kept.parent.mkdir()
    kept.write_text(json.dumps({"url": address, "token": "a-wrong-one"}))
    said[".callboard/connection.json"] = alone("nodes")
    monkeypatch.setenv("CALLBOARD_TOKEN", "a-wrong-one")
    said["CALLBOARD_TOKEN"] = alone("nodes", "--url", address)
    for source, result in said.items():
        assert result.exit_code == ExitCode.UNREACHABLE
        assert f"not signed in: {address} does not take the token from {source}: " in result.stderr
        assert "a-wrong-one" not in result.stderr
        assert "401" not in result.stderr.replace(address, "")


def test_an_address_that_is_unknown_or_speaks_no_tls(alone: Callboard, address: str) -> None:
    """`Nothing answers` sends an operator to a server that runs well, when it is the address that is wrong."""
    result = alone("nodes", "--url", address.replace("http://", "https://"), "--token", TOKEN)
    assert (result.exit_code, "does not answer with TLS" in result.stderr) == (ExitCode.UNREACHABLE, True)
    result = alone("nodes", "--url", "http://no-such-host.invalid", "--token", TOKEN)
    assert (result.exit_code, "is not known: is it spelt right?" in result.stderr) == (ExitCode.UNREACHABLE, True)


def test_a_home_that_is_a_file(alone: Callboard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A slip in CALLBOARD_HOME must name CALLBOARD_HOME."""
    (tmp_path / "notes.txt").write_text("")
    monkeypatch.setenv("CALLBOARD_HOME", str(tmp_path / "notes.txt"))
    result = alone("nodes")
    assert result.exit_code == ExitCode.UNREACHABLE
    assert "is not a directory: CALLBOARD_HOME" in result.stderr


def test_something_else_at_the_address(alone: Callboard, office: BackOffice, address: str) -> None:
    """Another web server at the address answers 200 too; its page is not an empty fleet."""
    from starlette.responses import HTMLResponse

    for status in (200, 404, 403):
        office.refusal = HTMLResponse("<h1>It works!</h1>", status)
        result = alone("nodes", "--url", address, "--token", TOKEN)
        assert result.exit_code == ExitCode.UNREACHABLE
        assert "answers, but not as Callboard does: is the address right?" in result.stderr


def test_a_proxy_before_callboard(alone: Callboard, office: BackOffice, address: str) -> None:
    """What a proxy says by a number must be said in words: that it sends on, or that Callboard is away behind it."""
    from starlette.responses import RedirectResponse, Response

    for refusal, code, said in (
        (RedirectResponse("https://board.example/"), ExitCode.UNREACHABLE, "sends on to https://board.example/"),
        (Response("Bad Gateway", 502), ExitCode.UNREACHABLE, "cannot reach Callboard at the moment"),
        (Response("oh", 500), ExitCode.FAILED, "failed over this request: its log says why"),
    ):
        office.refusal = refusal
        result = alone("nodes", "--url", address, "--token", TOKEN)
        assert (result.exit_code, said in result.stderr) == (code, True), result.stderr


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
