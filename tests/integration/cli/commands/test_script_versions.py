"""Versions of scripts, pushed to the deployer's own doors: refused with the same words, listed, compared."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from services.cli.failures import ExitCode
from services.deployer.api.deployments import deployments_router
from services.deployer.api.scripts import scripts_router
from services.deployer.use_cases.browse import BrowseScripts
from services.deployer.use_cases.store_script import StoreScript
from shared.http import create_api
from tests.integration.cli.commands.conftest import Callboard
from tests.integration.cli.commands.test_scripts import GOOD
from tests.support.live_http import live
from tests.unit.deployer.stand import Stand

TOKEN = "token-of-the-tests"


@pytest.fixture
def deployer() -> Iterator[str]:
    """Where a deployer with an in-memory store answers; it knows the nodes `node-a` and `node-b`."""
    stand = Stand()
    asyncio.run(stand.see("node-a", "node-b"))

    async def ready() -> Sequence[str]:
        return []

    api = create_api(
        "deployer",
        version="0",
        token=SecretStr(TOKEN),
        routers=[
            scripts_router(StoreScript(stand.store, stand.clock), BrowseScripts(stand.store)),
            deployments_router(stand.desk),
        ],
        ready=ready,
    )
    with live(api) as url:
        yield url


@pytest.fixture
def callboard(alone: Callboard, deployer: str, monkeypatch: pytest.MonkeyPatch) -> Callboard:
    """Runs `callboard …` signed in to that deployer."""
    monkeypatch.setenv("CALLBOARD_URL", deployer)
    monkeypatch.setenv("CALLBOARD_TOKEN", TOKEN)
    return alone


@pytest.fixture
def push(callboard: Callboard, tmp_path: Path) -> Callable[[str], Path]:
    """Pushes a text as `desk.yaml`, which is left as it was pushed."""

    def pushed(text: str) -> Path:
        file = tmp_path / "desk.yaml"
        file.write_text(text)
        result = callboard("scripts", "push", str(file))
        assert result.exit_code == ExitCode.OK, result.stderr
        return file

    return pushed


def greeting(words: str) -> str:
    """A good script that says these words."""
    return GOOD.replace("Hello!", words)


def test_here_and_there_refuse_a_failing_test_with_the_same_words(
    callboard: Callboard, deployer: str, tmp_path: Path
) -> None:
    """Whoever pushes without the command line must be stopped, too, and be told no less."""
    file = tmp_path / "good.yaml"
    file.write_text(GOOD.replace("expect: Hello!", "expect: Goodbye!"))
    here = callboard("scripts", "push", str(file))
    assert here.exit_code == ExitCode.REFUSED
    difference = "dialogue[1] after 0s: expected (-) and said (+) differ\n  - Goodbye!\n  + Hello!"
    assert f"{file}:13:9: test 'greets' failed: {difference}".splitlines() == [
        line.removeprefix("  ") for line in here.stderr.splitlines()[1:]
    ]
    there = httpx.post(
        f"{deployer}/api/v1/group-ai/scripts",
        content=file.read_bytes(),
        headers={"authorization": f"Bearer {TOKEN}", "content-type": "application/yaml"},
        trust_env=False,
    )
    assert there.status_code == 422
    assert there.json()["errors"] == [
        {"field": "13:9 tests[0].dialogue[1]", "message": f"greets: {difference}", "hint": ""}
    ]
    assert callboard("scripts").stderr.startswith("no script is stored yet")


def test_the_history_of_a_script(callboard: Callboard, push: Callable[[str], Path]) -> None:
    """To go back one has to know to which."""
    for words in ("One!", "Two!"):
        push(greeting(words))
    heading, second, first = callboard("scripts", "show", "welcome").stdout.splitlines()[-3:]
    assert heading.split() == ["version", "hash", "title", "stored", "bytes"]
    assert [row.split()[0] for row in (second, first)] == ["2", "1"]
    assert first.split()[-1] == str(len(greeting("One!")))
    assert "reply: One!" in callboard("scripts", "show", "welcome", "--version", "1").stdout


def test_versions_are_compared(callboard: Callboard, push: Callable[[str], Path]) -> None:
    """What does the newest version say that the one before did not?"""
    for words in ("One!", "Two!", "Three!"):
        push(greeting(words))
    newest = callboard("scripts", "diff", "welcome")
    assert newest.exit_code == ExitCode.OK
    assert newest.stdout.startswith("--- welcome version 2\n+++ welcome version 3\n@@ ")
    assert "\n-      - reply: Two!\n+      - reply: Three!\n" in newest.stdout
    assert newest.stderr == "welcome: version 2 to version 3: 2 lines added, 2 removed\n"
    back = callboard("scripts", "diff", "welcome", "--from", "3", "--to", "1")
    assert "\n-      - reply: Three!\n+      - reply: One!\n" in back.stdout
    change = json.loads(callboard("scripts", "diff", "welcome", "--to", "2", "--json").stdout)
    assert (change["from_version"], change["to_version"], change["added"]) == (1, 2, 2)


def test_a_file_is_compared_with_the_newest_version(callboard: Callboard, push: Callable[[str], Path]) -> None:
    """The look before a push; also at a file that the check would refuse."""
    file = push(greeting("One!"))
    same = callboard("scripts", "diff", str(file))
    assert (same.exit_code, same.stdout) == (ExitCode.OK, "")
    assert same.stderr == f"welcome: version 1 to {file}: the same\n"
    file.write_bytes(greeting("One!").replace("\n", "\r\n").encode())
    assert "only ends of lines differ" in callboard("scripts", "diff", str(file)).stderr
    file.write_text(greeting("One!").replace("- reply", "- replay"))
    other = callboard("scripts", "diff", str(file))
    assert other.exit_code == ExitCode.OK
    assert f"+++ {file}\n" in other.stdout and "\n-      - reply: One!\n+      - replay: One!\n" in other.stdout
    assert json.loads(callboard("scripts", "diff", str(file), "--json").stdout)["removed"] == 1


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["nobody"], ExitCode.NOT_FOUND, "there is no script 'nobody'"),
        (["welcome", "--from", "9"], ExitCode.NOT_FOUND, "has no version 9"),
        (["Welcome!"], ExitCode.REFUSED, "is no script id"),
        (["missing.yaml"], ExitCode.USAGE, "there is no file missing.yaml"),
        (["new.yaml"], ExitCode.NOT_FOUND, "'new' is not stored yet"),
        (["new.yaml", "--from", "1"], ExitCode.USAGE, "is a file here"),
        (["broken.yaml"], ExitCode.FAILED, "broken.yaml:2:1: "),
        (["list.yaml"], ExitCode.FAILED, "does not say its id"),
    ],
)
def test_what_cannot_be_compared(
    callboard: Callboard, push: Callable[[str], Path], tmp_path: Path, words: list[str], code: ExitCode, says: str
) -> None:
    """Each says what is wrong and not just that something is."""
    push(GOOD)
    for name, text in (("new", "id: new\n"), ("broken", "id: [\n"), ("list", "- a\n")):
        (tmp_path / f"{name}.yaml").write_text(text)
    result = callboard("scripts", "diff", *words)
    assert result.exit_code == code, result.stderr
    assert says in result.stderr


def test_one_version_has_nothing_before_it(callboard: Callboard, push: Callable[[str], Path]) -> None:
    """An empty answer would look like a fault."""
    push(GOOD)
    assert callboard("scripts", "diff", "welcome").stderr == (
        "welcome has no version before version 1 to compare it with\n"
    )


def test_accounts_that_change_scripts_are_told(callboard: Callboard, push: Callable[[str], Path]) -> None:
    """Two scripts for the same guests are a surprise that should come before the rollout, not after it."""
    file = push(GOOD)
    assert callboard("deployments", "start", "welcome", "--selector", "all", "--bind", "all").exit_code == ExitCode.OK
    file.write_text(GOOD.replace("id: welcome", "id: desk"))
    some = callboard("scripts", "push", str(file), "--deploy", "--selector", "all", "--bind", "a1,a2,a3")
    assert some.exit_code == ExitCode.OK, some.stderr
    assert "desk takes 3 accounts on 2 nodes from welcome; both would answer “hello” in @lobby\n" in some.stderr
    every = callboard("deployments", "start", "desk", "--nodes", "node-a", "--bind", "all", "--json")
    assert "desk takes every account that plays welcome on 1 node; both would answer" in every.stderr
    assert json.loads(every.stdout)["takes_over"][0]["script_id"] == "welcome"
    again = callboard("deployments", "start", "desk", "--nodes", "node-a", "--bind", "all")
    assert "takes" not in again.stderr
