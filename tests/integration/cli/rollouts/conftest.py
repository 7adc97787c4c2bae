"""The real command line in its own process, against a real deployer with RabbitMQ and PostgreSQL and small agents."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

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
def callboard(scene: Scene, tmp_path: Path) -> Run:
    """Runs `callboard …`; fails when it does not end with the code that is expected."""
    environment = {
        **os.environ,
        "CALLBOARD_URL": str(scene.deployer.http.base_url),
        "CALLBOARD_TOKEN": TOKEN,
        "PYTHONPATH": str(ROOT),
    }

    async def run(*words: str, code: int = ExitCode.OK) -> Ran:
        command = [sys.executable, "-m", "services.cli", *words]
        ended = await asyncio.to_thread(
            subprocess.run, command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        )
        ran = Ran(ended.returncode, ended.stdout, ended.stderr)
        assert ran.code == code and "Traceback" not in ran.err, ran
        return ran

    return run
