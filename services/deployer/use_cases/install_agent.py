"""Install the agent on a server, or bring the one there to this version.

It takes minutes, so an order is answered at once and its course is a row: one installation at a time for each server,
with a deadline after which it counts as failed whatever became of its deployer. Settings go to the server and nowhere
else. Raises Unavailable when the database is away.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol

import structlog

from services.deployer.domain.installations import AgentBundle, Installation, Installed, InstallState, Joining
from services.deployer.domain.ports import Store
from services.deployer.domain.reaching import Access, Ssh
from services.deployer.domain.server_problems import ServerProblem
from services.deployer.use_cases.servers import NoSuchServer, NotReached, ReachServers
from shared.clock import Clock
from shared.messaging import Unavailable

log = structlog.get_logger(__name__)

# A little more than the time that the installation itself is given over SSH.
DEADLINE = timedelta(minutes=17)
# How often the end of an installation is tried to be written while the database is away.
NOTE_SECONDS = 5.0

Settings = dict[str, str]


@dataclass(frozen=True, slots=True)
class InstallRuns:
    """One is at work there already."""

    step: str


@dataclass(frozen=True, slots=True)
class NoNode:
    """The server was registered without the node that its agent is."""


@dataclass(frozen=True, slots=True)
class NoBundle:
    """This deployer was installed without the agent's files."""

    reason: str


class EnrolmentDesk(Protocol):
    """Where machines ask to be let in as nodes."""

    @property
    def url(self) -> str:
        """The origin's address, as nodes reach it."""
        ...

    async def ask(self, question: dict[str, Any]) -> bytes | str:
        """The answer, or why the machine is not let in."""
        ...


class InstallAgent:
    """See the module's docstring."""

    def __init__(
        self,
        store: Store,
        ssh: Ssh,
        reach: ReachServers,
        bundle: Callable[[], AgentBundle],
        desk: EnrolmentDesk,
        clock: Clock,
    ) -> None:
        self._desk = desk
        self._store = store
        self._ssh = ssh
        self._reach = reach
        self._bundle = bundle
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(
        self, server_id: str, settings: Settings | None, join_token: str | None = None
    ) -> Installation | InstallRuns | NoNode | NoBundle | NotReached:
        """Begin; without settings the agent there keeps its own. A machine that is no node yet needs the token."""
        access = await self._reach.access(server_id)
        if not isinstance(access, Access):
            return access
        if access.server.node_id is None:
            return NoNode()
        try:
            bundle = await asyncio.to_thread(self._bundle)
        except (OSError, KeyError, ValueError) as error:
            return NoBundle(str(error))
        now = self._clock.now()
        installation = Installation(InstallState.RUNNING, "connect", bundle.version, now, now + DEADLINE)
        async with self._store.begin() as transaction:
            if await transaction.servers.lock(server_id) is None:
                return NoSuchServer()
            before = await transaction.servers.installation(server_id)
            if before is not None and before.as_of(now).state is InstallState.RUNNING:
                return InstallRuns(before.step)
            await transaction.servers.note_installation(server_id, installation)
        joining = None if join_token is None else Joining(self._desk.url, join_token, self._desk.ask)
        work = self._run(access, bundle, self._complete(access, settings), joining, installation)
        task = asyncio.create_task(work, name=f"install {server_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return installation

    async def newest(self, server_id: str) -> Installation | NoSuchServer | None:
        """The newest installation there, as it is by now."""
        async with self._store.begin() as transaction:
            if await transaction.servers.one(server_id) is None:
                return NoSuchServer()
            found = await transaction.servers.installation(server_id)
        return None if found is None else found.as_of(self._clock.now())

    async def close(self) -> None:
        """End what is at work; on the server nothing is left half done, and the deadline ends the row."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(
        self,
        access: Access,
        bundle: AgentBundle,
        settings: Settings | None,
        joining: Joining | None,
        installation: Installation,
    ) -> None:
        server = access.server

        async def step(name: str) -> None:
            nonlocal installation
            installation = replace(installation, step=name)
            log.info("agent_install_step", server=server.server_id, step=name, version=bundle.version)
            await self._note(server.server_id, installation)

        try:
            outcome = await self._ssh.install(access, bundle, settings, joining, step)
        except Exception as error:
            log.error("agent_install_failed", server=server.server_id, exc_info=error)
            outcome = None
        now = self._clock.now()
        match outcome:
            case Installed(version, way):
                ended = replace(installation, state=InstallState.SUCCEEDED, detail=f"{version} runs ({way})")
            case ServerProblem(trouble, detail):
                ended = replace(installation, state=InstallState.FAILED, detail=detail, trouble=trouble)
            case None:
                fault = "this is a fault of Callboard; the deployer's log has the details"
                ended = replace(installation, state=InstallState.FAILED, detail=fault)
        log.info("agent_install_ended", server=server.server_id, state=ended.state, detail=ended.detail)
        await self._note(server.server_id, replace(ended, finished_at=now))

    async def _note(self, server_id: str, installation: Installation) -> None:
        while self._clock.now() < installation.deadline_at:
            try:
                async with self._store.begin() as transaction:
                    await transaction.servers.note_installation(server_id, installation)
                return
            except Unavailable as error:
                log.warning("agent_install_not_noted", server=server_id, reason=str(error))
                await self._clock.sleep(NOTE_SECONDS)

    @staticmethod
    def _complete(access: Access, settings: Settings | None) -> Settings | None:
        """The operator's settings with what the server's row says already."""
        if settings is None:
            return None
        server = access.server
        transport = {"CALLBOARD_TRANSPORT": "folder"} if server.link else {}
        return transport | settings | {"CALLBOARD_NODE_ID": str(server.node_id)}
