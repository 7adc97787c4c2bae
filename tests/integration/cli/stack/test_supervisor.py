"""The supervisor over small real children: Python's own web server, and programs that end."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from services.cli.embedded.waiting import until
from services.cli.stack.events import Crashed, Event, Ready, Stopping
from services.cli.stack.layout import Home
from services.cli.stack.parts import ChildPart
from services.cli.stack.plan import AnswersHttp, ChildPlan, Completes
from services.cli.stack.supervisor import StackFailed, Supervisor
from tests.support.ports import free_port


def web(name: str, tmp_path: Path, *after: str) -> ChildPart:
    """A child that is ready when it answers HTTP."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    arguments = (str(port), "--bind", "127.0.0.1", "--directory", str(tmp_path))
    plan = ChildPlan(name, "http.server", {}, AnswersHttp(url, url), frozenset(after), arguments=arguments)
    return ChildPart(plan, Home(tmp_path))


def task(name: str, tmp_path: Path, module: str = "platform", *after: str) -> ChildPart:
    """A child that is done when it has ended well."""
    return ChildPart(ChildPlan(name, module, {}, Completes(), frozenset(after)), Home(tmp_path))


def names(events: list[Event], kind: type[Ready] | type[Stopping]) -> list[str]:
    """The parts of these events, in order."""
    return [event.part for event in events if isinstance(event, kind)]


async def test_parts_start_in_order_restart_after_a_crash_and_stop_in_reverse(tmp_path: Path) -> None:
    """If this broke, services would start before their database, stay down, or be stopped in the wrong order."""
    events: list[Event] = []
    database, migration = web("database", tmp_path), task("migration", tmp_path, "platform", "database")
    service = web("service", tmp_path, "migration")
    supervisor = Supervisor([service, migration, database], events.append)
    running = asyncio.create_task(supervisor.run())
    await asyncio.wait_for(supervisor.all_ready(), 30)
    assert names(events, Ready) == ["database", "migration", "service"]

    first = service.process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)

    async def back() -> bool:
        return names(events, Ready).count("service") == 2

    assert await until(back, 20)
    assert Crashed("service", "was killed by signal 9", 0.5) in events
    assert service.process.pid != first

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    began = time.monotonic()
    await supervisor.stop_all()
    assert time.monotonic() - began < 5
    assert names(events, Stopping) == ["service", "database"]
    assert not service.process.tree()
    assert not database.process.tree()


async def test_what_is_away_is_named_and_what_waits_for_it_is_not(tmp_path: Path) -> None:
    """If this broke, the operator would be sent to the console for a database that does not answer."""
    database, service = web("database", tmp_path), web("service", tmp_path, "database")
    supervisor = Supervisor([database, service], lambda event: None)
    running = asyncio.create_task(supervisor.run())
    await asyncio.wait_for(supervisor.all_ready(), 30)
    assert await supervisor.complaints() == []

    database.process.freeze()
    assert await supervisor.complaints() == ["database runs but does not answer"]
    database.process.thaw()
    assert await supervisor.complaints() == []

    assert service.process.pid is not None
    os.kill(service.process.pid, signal.SIGKILL)

    async def told() -> bool:
        return await supervisor.complaints() == ["service is down and is started again"]

    assert await until(told, 10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await supervisor.stop_all()


async def test_a_part_that_never_comes_up_ends_the_start_with_its_last_words(tmp_path: Path) -> None:
    """If this broke, a wrong setting would be retried for ever without a word."""
    events: list[Event] = []
    supervisor = Supervisor([task("broken", tmp_path, "no_such_module_of_callboard")], events.append)
    with pytest.raises(StackFailed, match="broken ended with status 1") as failed:
        await asyncio.wait_for(supervisor.run(), 30)
    assert "No module named no_such_module_of_callboard" in failed.value.log_tail
    assert len([event for event in events if isinstance(event, Crashed)]) == 2


async def test_killing_the_supervisor_leaves_no_child(tmp_path: Path) -> None:
    """If this broke, SIGKILL of `callboard up` would leave its children, and the next start would meet them."""
    code = f"""
        import asyncio, sys
        from pathlib import Path
        from services.cli.stack.supervisor import Supervisor
        from tests.integration.cli.stack.test_supervisor import web
        async def main():
            place = Path({str(tmp_path)!r})
            parts = [web("one", place), web("two", place)]
            supervisor = Supervisor(parts, lambda event: None)
            running = asyncio.create_task(supervisor.run())
            await supervisor.all_ready()
            print(*(part.process.pid for part in parts), flush=True)
            await running
        asyncio.run(main())
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    children = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
    assert len(children) == 2
    parent.kill()
    parent.communicate()

    async def gone() -> bool:
        return not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)

    assert await until(gone, 5)
