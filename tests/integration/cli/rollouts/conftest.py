"""The real command line against a real deployer with RabbitMQ and PostgreSQL and small agents.

A command runs in this process, which saves half a second of imports each; what is watched while other commands run has
its own, because a command that runs here has the whole process's output.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from services.cli.app import build_app
from services.cli.failures import ExitCode
from tests.integration.deployer.running import TOKEN
from tests.integration.deployer.test_deployer import Scene, scene

__all__ = ["scene"]

ROOT = Path(__file__).parents[4]


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it has shown."""

    code: int
    out: str
    err: str

    @property
    def shown(self) -> str:
        """Everything."""
        return self.out + self.err


Run = Callable[..., Coroutine[Any, Any, Ran]]


@pytest.fixture
def environment(scene: Scene) -> dict[str, str]:
    """What tells the command line where the deployer is."""
    return {"CALLBOARD_URL": str(scene.deployer.http.base_url), "CALLBOARD_TOKEN": TOKEN}


@pytest.fixture
def callboard(environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs `callboard …`; fails when it does not end with the code that is expected."""
    monkeypatch.chdir(tmp_path)

    async def run(*words: str, code: int = ExitCode.OK) -> Ran:
        ended = await asyncio.to_thread(CliRunner().invoke, build_app(), list(words), env=environment)
        return as_expected(Ran(ended.exit_code, ended.stdout, ended.stderr), code)

    # The deployer would write to what the command's output is taken from.
    with capture_logs():
        yield run


@pytest.fixture
def beside(environment: dict[str, str], tmp_path: Path) -> Run:
    """Runs `callboard …` in a process of its own, while others run."""

    async def run(*words: str, code: int = ExitCode.OK) -> Ran:
        command = [sys.executable, "-m", "services.cli", *words]
        values = {**os.environ, **environment, "PYTHONPATH": str(ROOT)}
        ended = await asyncio.to_thread(
            subprocess.run, command, cwd=tmp_path, env=values, capture_output=True, text=True, timeout=60
        )
        return as_expected(Ran(ended.returncode, ended.stdout, ended.stderr), code)

    return run


def as_expected(ran: Ran, code: int) -> Ran:
    """Fail unless a command ended with this code, and showed no traceback."""
    assert ran.code == code and "Traceback" not in ran.err, ran
    return ran
