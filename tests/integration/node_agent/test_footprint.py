"""What an agent's machine has to have installed, and what its commands load."""

import subprocess
import sys

ABSENT = ("sqlalchemy", "asyncpg", "alembic", "fastapi", "typer")
THE_AGENT = ("services.node_agent.app", "telethon", "faststream")


def loaded(modules: str, asked: tuple[str, ...]) -> list[str]:
    """Which of these modules there are after an import."""
    program = f"import sys, {modules}; print(*[name for name in {asked!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return found.stdout.split()


def test_the_agent_needs_no_database_and_no_web_server() -> None:
    """The extra `agent` installs neither, so one import too many and no node starts."""
    assert loaded("services.node_agent.__main__, services.node_agent.app", ABSENT + THE_AGENT) == list(THE_AGENT)


def test_whoever_asks_for_the_health_loads_no_agent() -> None:
    """A container asks every five seconds: a tenth of a core would go into asking."""
    assert loaded("services.node_agent.__main__", ABSENT + THE_AGENT) == []
