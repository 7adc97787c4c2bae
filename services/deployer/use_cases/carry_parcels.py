"""Carry a node's messages over an open link: its reports to the bus, its orders from the mailbox into its inbox.

A report is deleted when the broker has it for certain, and not before; what is carried twice has the same id twice. An
order is settled when it is taken, so one that the link breaks under is lost: the deployer's timers send it again.
Orders that name a URL get their content instead, because the node may have no way to fetch it. While the broker is away
the link stays open and waits. Ends only with the link: by cancellation, or by what the link raises.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from pydantic import ValidationError

from services.deployer.domain.ports import Store
from services.deployer.domain.reaching import Exchange, ExchangeFile
from shared.backoff import Backoff
from shared.cancellation import cancelled_by_caller
from shared.clock import Clock
from shared.contracts.deliveries import DeliverArtifact
from shared.contracts.parcels import Parcel, file_name
from shared.messaging import Bus, PublishFailed, Unavailable
from shared.messaging.decoding import Unreadable, explain
from shared.messaging.mailbox import Mailbox, report_in
from shared.randomness import Randomness

log = structlog.get_logger(__name__)

# A look into a folder is one round trip; an agent beats every ten seconds, and looks into its own inbox twice a second.
LOOK_SECONDS = 1.0
MOST_REPORTS = 50
MOST_ORDERS = 20
WAIT_SECONDS = 10.0
# As many as a node's queue holds; an agent that takes none of them is not running.
MOST_WAITING = 1_000
BACKOFF = Backoff(first=0.5, most=15.0)


class CarryParcels:
    """See the module's docstring."""

    def __init__(self, store: Store, bus: Bus, mailbox: Mailbox, clock: Clock, randomness: Randomness) -> None:
        self._store = store
        self._bus = bus
        self._mailbox = mailbox
        self._clock = clock
        self._randomness = randomness

    async def reports(self, exchange: Exchange, node_id: str) -> None:
        """Carry reports for as long as the link holds."""

        async def some() -> bool:
            files = await exchange.reports(MOST_REPORTS)
            for file in files:
                await self._carry(exchange, node_id, file)
            return len(files) == MOST_REPORTS

        await self._for_ever(node_id, some)

    async def orders(self, exchange: Exchange, node_id: str) -> None:
        """Carry orders for as long as the link holds."""

        async def some() -> bool:
            if await exchange.waiting() >= MOST_WAITING:
                log.warning("inbox_full", node=node_id, orders=MOST_WAITING, hint="does the agent run there?")
                return False
            orders = await self._mailbox.take(node_id, MOST_ORDERS, WAIT_SECONDS)
            for order in orders:
                whole = await self._with_content(order)
                await exchange.order(file_name(whole), whole.model_dump_json().encode())
            return bool(orders)

        await self._for_ever(node_id, some)

    async def _for_ever(self, node_id: str, some: Callable[[], Awaitable[bool]]) -> None:
        failures = 0
        while not cancelled_by_caller():
            try:
                more = await some()
            except (PublishFailed, Unavailable) as error:
                log.warning("link_waits", node=node_id, reason=str(error))
                await self._clock.sleep(BACKOFF.delay(failures, self._randomness))
                failures += 1
                continue
            failures = 0
            await self._clock.sleep(0 if more else LOOK_SECONDS)

    async def _carry(self, exchange: Exchange, node_id: str, file: ExchangeFile) -> None:
        parcel = _parcel_in(file)
        report = parcel if isinstance(parcel, Unreadable) else report_in(parcel, node_id)
        if isinstance(report, Unreadable):
            log.error("report_refused", node=node_id, file=file.name, reason=report.reason)
            await exchange.refuse(file.name)
            return
        assert isinstance(parcel, Parcel)
        await self._bus.publish(report, message_id=parcel.id)
        await exchange.taken(file.name)

    async def _with_content(self, order: Parcel) -> Parcel:
        if order.type != DeliverArtifact.TYPE or order.body.get("content") is not None:
            return order
        content_hash = DeliverArtifact.model_validate(order.body).artifact.hash
        async with self._store.begin() as transaction:
            found = await transaction.scripts.by_hash(content_hash)
        if found is None:
            return order
        return order.model_copy(update={"body": order.body | {"content": found.body, "url": None}})


async def until_one_ends(*jobs: Awaitable[None]) -> None:
    """Run side by side until one ends or fails; then the others are cancelled, and its error is raised as it is."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _parcel_in(file: ExchangeFile) -> Parcel | Unreadable:
    if file.content is None:
        return Unreadable("it is larger than any message")
    try:
        return Parcel.model_validate_json(file.content)
    except ValidationError as error:
        return Unreadable(explain(error))
