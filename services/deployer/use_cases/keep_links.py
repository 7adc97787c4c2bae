"""Keep a link open to every confirmed server that is to have one.

`step` is called every few seconds on the one replica that is elected: it starts links of new servers, ends those of
servers that changed or went, and renews the links' permission. A replica that is not called any more lets its links end
by themselves. A link that breaks is opened again with back-off; why it broke is logged once, until it changes.
"""

import asyncio

import structlog

from services.deployer.domain.ports import Store
from services.deployer.domain.reaching import Access, Exchange, Ssh
from services.deployer.domain.server_problems import ServerProblem
from services.deployer.domain.servers import Server
from services.deployer.use_cases.carry_parcels import CarryParcels, until_one_ends
from services.deployer.use_cases.servers import NoSuchServer, ReachServers
from shared.backoff import Backoff
from shared.clock import Clock
from shared.messaging import Unavailable
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

# Each is a connection that stays open: some hundred kilobytes here and an sshd process there.
MOST_LINKS = 300
STEP_SECONDS = 2.0
# Some steps may be late. Two replicas at one link for this long do no harm: what comes twice has the same id.
PERMISSION_SECONDS = 15.0
# A connection is opened anew now and then, so that nothing which went wrong in it lasts for ever.
TERM_SECONDS = 600.0
BACKOFF = Backoff(first=1.0, most=60.0)


class KeepLinks:
    """See the module's docstring."""

    def __init__(
        self, store: Store, reach: ReachServers, ssh: Ssh, carry: CarryParcels, clock: Clock, randomness: Randomness
    ) -> None:
        self._store = store
        self._reach = reach
        self._ssh = ssh
        self._carry = carry
        self._clock = clock
        self._randomness = randomness
        self._links: dict[str, tuple[Server, asyncio.Task[None]]] = {}
        self._permitted_until = 0.0
        self._left_out = 0

    async def step(self) -> None:
        """Bring the links to what they should be. Raises Unavailable."""
        async with self._store.begin() as transaction:
            linked = await transaction.servers.linked()
        self._permitted_until = self._clock.monotonic() + PERMISSION_SECONDS
        self._tell_of_the_bound(len(linked))
        wanted = {server.server_id: server for server in linked[:MOST_LINKS]}
        for server_id, (server, task) in list(self._links.items()):
            if wanted.get(server_id) != server or task.done():
                await self._end(server_id)
        for server_id, server in wanted.items():
            if server_id not in self._links:
                task = asyncio.create_task(self._keep(server), name=f"link {server_id}")
                self._links[server_id] = (server, task)

    async def close(self) -> None:
        """End every link."""
        for server_id in list(self._links):
            await self._end(server_id)

    async def _end(self, server_id: str) -> None:
        _, task = self._links.pop(server_id)
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(outcome, Exception):
            log.error("link_failed", server=server_id, exc_info=outcome)

    async def _keep(self, server: Server) -> None:
        failures, told = 0, ""
        while self._permitted():
            opened = self._clock.monotonic()
            broken = await self._open(server)
            if broken is None:
                continue
            if broken != told:
                log.warning("link_broken", server=server.server_id, node=server.node_id, reason=broken)
            # One that held for a while is no series of failures.
            failures = failures + 1 if self._clock.monotonic() - opened < BACKOFF.most else 0
            told = broken
            await self._clock.sleep(BACKOFF.delay(failures, self._randomness))

    async def _open(self, server: Server) -> str | None:
        """Use a link until it ends; why it broke, None when it ended well."""
        try:
            access = await self._reach.access(server.server_id)
        except Unavailable as error:
            return str(error)
        if isinstance(access, ServerProblem):
            return access.detail
        if not isinstance(access, Access):
            gone = isinstance(access, NoSuchServer)
            return "the server was removed" if gone else "the server's host key has to be confirmed again"

        async def use(exchange: Exchange) -> None:
            log.info("link_open", server=server.server_id, node=server.node_id)
            node_id = server.node_id
            assert node_id is not None
            await until_one_ends(
                self._carry.reports(exchange, node_id), self._carry.orders(exchange, node_id), self._term()
            )

        problem = await self._ssh.link(access, use)
        return None if problem is None else problem.detail

    def _permitted(self) -> bool:
        return self._clock.monotonic() < self._permitted_until

    async def _term(self) -> None:
        """How long one connection is used."""
        end = self._clock.monotonic() + TERM_SECONDS
        while self._permitted() and self._clock.monotonic() < end:
            await self._clock.sleep(STEP_SECONDS)

    def _tell_of_the_bound(self, linked: int) -> None:
        left_out = max(0, linked - MOST_LINKS)
        if left_out != self._left_out:
            log.error("links_left_out", left_out=left_out, most=MOST_LINKS, hint="give these nodes the HTTP transport")
        self._left_out = left_out
