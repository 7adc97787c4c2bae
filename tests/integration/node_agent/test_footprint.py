"""What an agent's machine has to have installed."""

import subprocess
import sys

ABSENT = ("sqlalchemy", "asyncpg", "alembic", "fastapi", "typer")


def test_the_agent_needs_no_database_and_no_web_server() -> None:
    """The extra `agent` installs neither, so one import too many and no node starts."""
    program = f"import sys, services.node_agent.__main__; print([m for m in {ABSENT!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout.strip() == "[]"
