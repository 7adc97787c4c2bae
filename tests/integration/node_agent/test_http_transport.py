"""The HTTP transport before a back office that misbehaves."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from structlog.testing import capture_logs

from services.node_agent.transports.http import HttpTransport
from shared.clock import SystemClock
from shared.contracts import names
from shared.contracts.leases import GrantLease
from shared.contracts.parcels import packed
from shared.messaging import PublishFailed, Rejected, Route
from shared.randomness import SystemRandomness
from tests.support.live_http import free_url, live
from tests.support.waiting import until
from tests.unit.registry.builders import beat, change

NODE = "n"


def grant(seq: int) -> dict[str, Any]:
    """A lease as it comes in an answer."""
    lease = GrantLease(node_id=NODE, boot=1, seq=seq, seconds=30, ledger_id="0" * 32)
    return packed(lease, f"order-{seq}").model_dump()


class Office:
    """Answers polls with what is in `answers`, the last one again and again, and reports with `to_report`."""

    def __init__(self) -> None:
        self.answers: list[Response] = []
        self.to_report: Response = JSONResponse({"taken": [], "refused": []})
        self.polls: list[dict[str, str]] = []
        self.reports: list[dict[str, Any]] = []
        self.api = FastAPI()
        self.api.get(f"/api/v1/workers/{NODE}/commands")(self.commands)
        self.api.post(f"/api/v1/workers/{NODE}/reports")(self.report)

    async def commands(self, request: Request) -> Response:
        """A poll."""
        self.polls.append(dict(request.query_params))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def report(self, request: Request) -> Response:
        """Reports."""
        self.reports += (await request.json())["parcels"]
        return self.to_report


@pytest.fixture
def office() -> Office:
    """A back office without orders."""
    office = Office()
    office.answers = [JSONResponse({"commands": []})]
    return office


@pytest.fixture
def address(office: Office) -> Iterator[str]:
    """Where it is."""
    with live(office.api) as url:
        yield url


class Node:
    """The transport, and the leases that came through it; a lease of beat 13 is refused."""

    def __init__(self, url: str) -> None:
        self.transport = HttpTransport(url, "the-token", NODE, SystemClock(), SystemRandomness())
        self.seqs: list[int] = []

    async def take(self, lease: GrantLease) -> None:
        """A lease came."""
        if lease.seq == 13:
            raise Rejected("an unlucky number")
        self.seqs.append(lease.seq)

    @asynccontextmanager
    async def consuming(self) -> AsyncIterator[None]:
        """Consume, after a first beat, for the length of the context."""
        route = Route(names.node_commands_queue(NODE), {GrantLease: self.take})
        task = asyncio.create_task(self.transport.consume(route))
        try:
            await self.transport.publish(beat(1, boot=7))
            yield
            assert not task.done(), task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.transport.close()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (JSONResponse({"detail": "no such token"}, 401), r"refuses this node's token \(401\): no such token; was"),
        (JSONResponse({"detail": "x"}, 404), "set CALLBOARD_URL to the console's"),
        (JSONResponse({"detail": "the database is away"}, 503), "answers 503: the database is away"),
        (PlainTextResponse("<html>", 502), "answers 502: Bad Gateway"),
        (PlainTextResponse("Welcome to my router!"), "something else than JSON"),
        (JSONResponse({"hello": "there"}), "something else than the registry does"),
        (JSONResponse([]), "something else than the registry does"),
    ],
)
async def test_a_report_is_sent_only_if_it_was_taken(office: Office, address: str, answer: Response, told: str) -> None:
    """A report that some proxy swallowed would be deleted from the ledger."""
    office.to_report = answer
    node = Node(address)
    with pytest.raises(PublishFailed, match=told):
        await node.transport.publish(change(1), message_id="c1")
    await node.transport.close()


async def test_nobody_there_is_told(address: str) -> None:
    """The agent's status would be silent about the most common trouble of all."""
    node = Node(free_url())
    with pytest.raises(PublishFailed, match="does not answer: ConnectError"):
        await node.transport.publish(change(1))
    await node.transport.close()


async def test_a_refused_report_holds_up_nothing(office: Office, address: str) -> None:
    """A report that no back office of this version takes would stop all that come after it, for ever."""
    office.to_report = JSONResponse({"taken": [], "refused": [{"id": "c1", "type": "t", "reason": "unheard of"}]})
    node = Node(address)
    with capture_logs() as logs:
        await node.transport.publish(change(1), message_id="c1")
    assert [(line["event"], line["reason"]) for line in logs] == [("report_refused", "unheard of")]
    await node.transport.close()


async def test_orders_come_through_every_trouble_once(office: Office, address: str) -> None:
    """One bad answer would end the consumer, or one bad order all others of its answer."""
    office.answers = [
        JSONResponse({"detail": "no such token"}, 401),
        PlainTextResponse("Welcome to my router!"),
        JSONResponse({"commands": [{"type": "half"}]}),
        JSONResponse({"detail": "as many nodes wait here as can"}, 429),
        JSONResponse({"commands": [grant(1), grant(13), {"type": "odd", "id": "x", "body": {}}, grant(2)]}),
        JSONResponse({"commands": []}),
    ]
    node = Node(address)
    with capture_logs() as logs:
        async with node.consuming():
            await until(lambda: sorted(node.seqs) == [1, 2], "the good orders")
    assert office.polls[0]["boot"] == "7"
    dropped = [line["reason"] for line in logs if line["event"] == "order_dropped"]
    assert dropped[0] == "an unlucky number" and "'odd' is not handled here" in dropped[1]
    assert "message_dead_lettered" not in [line["event"] for line in logs]
    reasons = [line["reason"] for line in logs if line["event"] == "orders_not_fetched"]
    assert len(reasons) == 4 and "refuses this node's token" in reasons[0]


async def test_answers_that_do_not_wait_are_no_storm(office: Office, address: str) -> None:
    """Two programs under one name would end each other's polls as fast as they can."""
    node = Node(address)
    begun = asyncio.get_running_loop().time()
    async with node.consuming():
        await until(lambda: len(office.polls) == 4, "three pauses")
    assert asyncio.get_running_loop().time() - begun > 1.4
