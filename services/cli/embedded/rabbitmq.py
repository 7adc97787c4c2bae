"""RabbitMQ as our private child, run by the `rabbitmq-server` that is on the machine.

Two children: Erlang's port mapper in the foreground, then the server. Both listen on loopback only, have ports,
node name, data, logs, cookie and login of their own, and die with us. A port mapper that dies alone is started again on
its port, where the server finds it by itself; the end of the server is the end of the broker. The user is whoever runs
us: the wrapper in Debian's /usr/sbin, which switches to `rabbitmq` and to its directories, is passed by.

`kill` loses nothing that was confirmed: durable queues and persistent messages are there at the next start.
"""

import asyncio
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from services.cli.connection_file import Management
from services.cli.embedded.broker import broker_did_not_start
from services.cli.embedded.errors import StartFailed
from services.cli.embedded.ports import LOOPBACK, free_port, give_back
from services.cli.embedded.process import Command, OwnedProcess
from services.cli.embedded.rabbitmq_files import USER, BrokerFiles, BrokerPorts, epmd_environment
from services.cli.embedded.waiting import broker_answers, port_accepts, until

START_SECONDS = 90.0
EPMD_SECONDS = 10.0
# A port mapper that cannot stay up is not started again faster than this.
EPMD_PAUSE_SECONDS = 0.5
# The management plugin of 3.10 takes five seconds to stop, whatever it has to do.
STOP_SECONDS = 15.0

# Debian's and Red Hat's packages keep the script that runs the server as the caller here.
_PACKAGED = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def find_rabbitmq_server() -> Path | None:
    """The start script that runs as whoever calls it, if RabbitMQ and Erlang are installed."""
    if shutil.which("erl") is None or _find_epmd() is None:
        return None
    if os.access(_PACKAGED, os.X_OK):
        return _PACKAGED
    found = shutil.which("rabbitmq-server")
    return Path(found) if found else None


class EmbeddedRabbitMQ:
    """See the module's docstring. `url` and `management` hold before the start and across restarts."""

    def __init__(self, directory: Path, *, port: int, management_port: int, server: Path | None = None) -> None:
        self.port, self.management_port = port, management_port
        self._server = server
        self._files = BrokerFiles(directory.resolve())
        self._ports: BrokerPorts | None = None
        self._process: OwnedProcess | None = None
        self._epmd: OwnedProcess | None = None

    @property
    def origin(self) -> str:
        """See Broker."""
        return "the machine's rabbitmq-server, as a private child"

    @property
    def url(self) -> str:
        """See Broker."""
        return f"amqp://{USER}:{self._files.password()}@{LOOPBACK}:{self.port}/"

    @property
    def management(self) -> Management:
        """See Broker."""
        return Management(f"http://{LOOPBACK}:{self.management_port}", USER, self._files.password())

    @property
    def owned(self) -> bool:
        """See Broker."""
        return True

    @property
    def erased_with(self) -> str | None:
        """See Broker."""
        return None

    @property
    def process(self) -> OwnedProcess | None:
        """The server's process, for faults; None before the first start."""
        return self._process

    @property
    def port_mapper(self) -> OwnedProcess | None:
        """Erlang's epmd, for faults; None before the first start."""
        return self._epmd

    @property
    def port_mapper_port(self) -> int | None:
        """Where epmd listens; None before the first start."""
        return self._ports.epmd if self._ports else None

    async def start(self) -> None:
        """See Broker."""
        # After a server that died by itself, its helpers and its port mapper may still be there.
        await self.kill()
        ports = self._ports = self._choose_ports()
        self._files.write(ports)
        process = self._process = OwnedProcess(self._server_command(ports))
        try:
            await self._start_epmd(ports)
            await process.start()
            if not await until(self.answers, START_SECONDS, lambda: not process.running):
                raise broker_did_not_start(self, self.port, process)
        except BaseException:
            await self.kill()
            raise

    async def stop(self, deadline_seconds: float = STOP_SECONDS) -> None:
        """See Broker. The port mapper goes last: the server still asks for it."""
        if self._process is not None and self._process.pid is not None:
            await self._process.stop(deadline_seconds)
        if self._epmd is not None:
            await self._epmd.kill()

    async def kill(self) -> None:
        """See Broker."""
        for process in (self._process, self._epmd):
            if process is not None:
                await process.kill()

    async def restart(self) -> None:
        """Stop and start."""
        await self.stop()
        await self.start()

    async def erase(self) -> None:
        """See Broker. The login stays the same."""
        await self.stop()
        await asyncio.to_thread(shutil.rmtree, self._files.data)

    async def wait(self) -> int:
        """See Broker."""
        server = self._process
        if server is None or self._ports is None:
            raise RuntimeError("RabbitMQ has not been started")
        while await self._server_outlives_port_mapper(server):
            await asyncio.sleep(EPMD_PAUSE_SECONDS)
            try:
                await self._start_epmd(self._ports)
            except StartFailed:
                # Its port is lost to somebody else. A new start takes new ports.
                await self.kill()
        return await server.wait()

    async def answers(self) -> bool:
        """See Broker."""
        return await broker_answers(self.management, self.port)

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nobody answers."""
        if self._process is not None:
            self._process.freeze()

    def thaw(self) -> None:
        """Let a frozen server go on."""
        if self._process is not None:
            self._process.thaw()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _choose_ports(self) -> BrokerPorts:
        if self._ports is not None:
            give_back(self._ports.distribution)
            give_back(self._ports.epmd)
        return BrokerPorts(self.port, self.management_port, distribution=free_port(), epmd=free_port())

    async def _server_outlives_port_mapper(self, server: OwnedProcess) -> bool:
        """Wait for the end of either; whether the server goes on."""
        watched = [asyncio.create_task(one.wait()) for one in (server, self._epmd) if one is not None]
        try:
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in watched:
                task.cancel()
            await asyncio.gather(*watched, return_exceptions=True)
        return server.running

    async def _start_epmd(self, ports: BrokerPorts) -> None:
        epmd = _find_epmd()
        if epmd is None:
            raise StartFailed("Erlang's epmd is missing; install the package erlang-base")
        arguments = ("-port", str(ports.epmd), "-address", LOOPBACK)
        self._epmd = OwnedProcess(Command((str(epmd), *arguments), epmd_environment(ports.epmd), self._files.epmd_log))
        await self._epmd.start()
        if not await until(port_accepts(ports.epmd), EPMD_SECONDS):
            await self._epmd.kill()
            raise StartFailed(f"Erlang's epmd did not start on port {ports.epmd}", self._epmd.log_tail())

    def _server_command(self, ports: BrokerPorts) -> Command:
        server = self._server or find_rabbitmq_server()
        if server is None:
            raise StartFailed("rabbitmq-server is not installed")
        # In its own directory: that is where Erlang puts a dump when it is killed badly.
        return Command((str(server),), self._files.environment(ports), self._files.log, self._files.directory)


def _find_epmd() -> Path | None:
    """On the PATH, or beside the emulator where Erlang was installed from a tarball."""
    found = shutil.which("epmd")
    if found:
        return Path(found)
    erl = shutil.which("erl")
    if erl is None:
        return None
    return next(iter(sorted(Path(erl).resolve().parents[1].glob("erts-*/bin/epmd"))), None)
