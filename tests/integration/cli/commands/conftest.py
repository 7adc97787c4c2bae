"""The command line as an operator runs it, against a small Callboard on a real port."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.app import build_app
from tests.integration.cli.commands.back_office import TOKEN, BackOffice, Reception
from tests.support.live_http import live

Callboard = Callable[..., Result]


@pytest.fixture
def office() -> BackOffice:
    """What Callboard has, and what it was asked."""
    return BackOffice()


@pytest.fixture(scope="session")
def reception() -> Iterator[tuple[str, Reception]]:
    """The one server of all these tests, and what decides whose Callboard it is."""
    app = Reception()
    with live(app) as url:
        yield url, app


@pytest.fixture
def address(office: BackOffice, reception: tuple[str, Reception]) -> str:
    """Where it is."""
    url, app = reception
    app.current = office.api()
    return url


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch looks twice a second; a test need not wait for that."""
    monkeypatch.setattr("services.cli.progress.ASK_EVERY", 0.01)
    monkeypatch.setattr("services.cli.commands.assigning.ASK_EVERY", 0.01)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callboard:
    """Runs `callboard …` where no connection is known."""
    for name in ("CALLBOARD_URL", "CALLBOARD_TOKEN", "CALLBOARD_HOME", "CALLBOARD_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    app = build_app()
    return lambda *words: CliRunner().invoke(app, list(words), prog_name="callboard")


@pytest.fixture
def callboard(alone: Callboard, address: str, monkeypatch: pytest.MonkeyPatch) -> Callboard:
    """Runs `callboard …` signed in to the small Callboard."""
    monkeypatch.setenv("CALLBOARD_URL", address)
    monkeypatch.setenv("CALLBOARD_TOKEN", TOKEN)
    return alone
