"""The demo's accounts, from a real Telegram sandbox."""

import os
import sys
from pathlib import Path

from services.cli.embedded.process import Command, OwnedProcess
from services.cli.embedded.waiting import http_answers, until
from services.cli.stack.demo_world import prepare_demo_world
from services.cli.stack.layout import PROJECT, Home
from tests.support.ports import free_port

TOKEN = "a-token-of-this-test"


async def test_the_sandbox_gives_the_same_logins_again_and_no_file_has_them(tmp_path: Path) -> None:
    """If this broke, the vault would be brought other logins at every start, or a node's disk would have them."""
    home, admin = Home(tmp_path), free_port()
    settings = {
        "PATH": os.environ["PATH"],
        "CALLBOARD_TOKEN": TOKEN,
        "CALLBOARD_SANDBOX_PORT": str(free_port()),
        "CALLBOARD_SANDBOX_ADMIN_PORT": str(admin),
        "CALLBOARD_SANDBOX_STATE_DIR": str(home.sandbox),
    }
    command = (sys.executable, "-m", "services.telegram_sandbox")
    sandbox = OwnedProcess(Command(command, settings, home.log("sandbox"), cwd=PROJECT))
    await sandbox.start()
    try:
        ready = http_answers(f"http://127.0.0.1:{admin}/health/ready")
        assert await until(ready, 30, lambda: not sandbox.running), sandbox.log_tail()
        asked = (f"http://127.0.0.1:{admin}", TOKEN, home, ["demo-a", "demo-b"])
        first, second = await prepare_demo_world(*asked), await prepare_demo_world(*asked)
        assert first == second
        assert [login.account_id for login in first] == [f"demo_{node}_{n}" for node in "ab" for n in (1, 2, 3)]
        assert all(login.session.startswith(b"SQLite format 3") for login in first)
        assert "BEGIN" in home.sandbox_key.read_text()
        assert list(home.path.rglob("*.session")) == []
    finally:
        await sandbox.stop(10)
