"""The demo's accounts, from a real Telegram sandbox."""

import os
import sys
from pathlib import Path

from services.cli.embedded.ports import free_port
from services.cli.embedded.process import Command, OwnedProcess
from services.cli.embedded.waiting import http_answers, until
from services.cli.stack.demo_world import login_key, prepare_demo_world
from services.cli.stack.layout import PROJECT, Home

TOKEN = "a-token-of-this-test"


async def test_the_sandbox_gives_each_agent_its_accounts_once(tmp_path: Path) -> None:
    """If this broke, the demo's agents would have no accounts, or lose their newest state at every start."""
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
        for _ in range(2):
            await prepare_demo_world(f"http://127.0.0.1:{admin}", TOKEN, home, ["demo-a", "demo-b"])
            session = home.sessions("demo-b") / "demo_b_2.session"
            inode = session.stat().st_ino
        assert sorted(path.name for path in home.sessions("demo-a").iterdir()) == [
            f"demo_a_{number}.session" for number in (1, 2, 3)
        ]
        assert "BEGIN" in home.sandbox_key.read_text()

        key = login_key(session)
        assert key is not None
        await prepare_demo_world(f"http://127.0.0.1:{admin}", TOKEN, home, ["demo-a", "demo-b"])
        assert session.stat().st_ino == inode
        session.write_bytes(b"damaged")
        await prepare_demo_world(f"http://127.0.0.1:{admin}", TOKEN, home, ["demo-a", "demo-b"])
        assert login_key(session) == key
    finally:
        await sandbox.stop(10)
