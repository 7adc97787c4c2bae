"""The transport over HTTP: reports are posted, orders come by a long poll. It needs a URL and the node's own token.

| the back office answers   | to a report                             | to the poll                            |
| ------------------------- | --------------------------------------- | -------------------------------------- |
| 200                       | it is sent; if it is refused, logged    | the orders are handled, it asks again  |
| anything else, or nothing | it is kept by its sender, tried again   | told once, asked again with back-off   |

The poll says which start is asking, by the boot of the heartbeats that went out, so it begins after the first one:
the back office gives orders to the newest start alone, and every other one the refusal of its lease. Orders are
settled at hand-over; what is lost on the way is sent again by the deployer, and leases come with every beat.
"""

import asyncio
import ssl
from typing import Any

import httpx
import structlog

from services.node_agent.transports.orders import ParcelOrders
from shared.backoff import Backoff
from shared.clock import Clock
from shared.contracts.contract import Contract
from shared.contracts.heartbeats import HeartbeatReported
from shared.contracts.parcels import Parcel, packed
from shared.messaging import PublishFailed, Route
from shared.randomness import Randomness
from shared.tls import needed

log = structlog.get_logger(__name__)

# Proxies commonly end a connection that is silent for a minute, some for half of one.
POLL_SECONDS = 25
# What a poll's answer may be late by, and how long a report may take.
ANSWER_SECONDS = 15.0
CONNECT_SECONDS = 5.0
MOST_ORDERS = 20
# An answer without orders long before its time: somebody else asks for this node as well. Both asking again at once
# would be a storm.
SHORT_POLL_SECONDS = 1.0


class _NoAnswer(Exception):
    """The back office did not do what it was asked; the text says why and what helps."""


class HttpTransport:
    """Reports and orders of one node. `url` is the back office's address, as the console serves it."""

    def __init__(
        self,
        url: str,
        token: str,
        node_id: str,
        clock: Clock,
        randomness: Randomness,
        *,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self._node_id = node_id
        self._clock = clock
        self._randomness = randomness
        self._path = f"/api/v1/workers/{node_id}"
        self._place = url
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            verify=needed(url, verify),
        )
        self._last_beat: HeartbeatReported | None = None
        self._beaten = asyncio.Event()

    async def publish(self, message: Contract, *, message_id: str | None = None) -> None:
        """Post the message. Raises PublishFailed when it is not safe with the back office."""
        parcel = packed(message, message_id or self._randomness.new_id())
        try:
            answer = await self._answer("POST", "/reports", json={"parcels": [parcel.model_dump()]})
            refused = answer["refused"]
        except _NoAnswer as error:
            raise PublishFailed(str(error)) from error
        except (KeyError, TypeError) as error:
            raise PublishFailed(f"{self._place} answers with something else than the registry does") from error
        if refused:
            log.error("report_refused", type=parcel.type, id=parcel.id, reason=refused[0].get("reason"))
        if isinstance(message, HeartbeatReported):
            self._last_beat = message
            self._beaten.set()

    async def consume(self, route: Route) -> None:
        """Ask for orders until cancelled."""
        orders = ParcelOrders(route, self._node_id, self._clock, self._randomness)
        await self._beaten.wait()
        async with asyncio.TaskGroup() as in_work:
            await self._ask(orders, in_work)

    async def _ask(self, orders: ParcelOrders, in_work: asyncio.TaskGroup) -> None:
        backoff, failures, told = Backoff(first=0.5, most=30.0), 0, ""
        while True:
            began = self._clock.monotonic()
            try:
                parcels = await self._poll()
            except _NoAnswer as error:
                if str(error) != told:
                    log.warning("orders_not_fetched", reason=str(error))
                told = str(error)
                await self._clock.sleep(backoff.delay(failures, self._randomness))
                failures += 1
                continue
            if told:
                log.info("orders_fetched_again")
            failures, told = 0, ""
            for parcel in parcels:
                await orders.begin(parcel, in_work)
            if not parcels and self._clock.monotonic() - began < SHORT_POLL_SECONDS:
                await self._clock.sleep(SHORT_POLL_SECONDS * self._randomness.uniform(0.5, 1.5))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _poll(self) -> list[Parcel]:
        assert self._last_beat is not None
        question = {"wait": POLL_SECONDS, "most": MOST_ORDERS, "boot": self._last_beat.boot}
        timeout = httpx.Timeout(POLL_SECONDS + ANSWER_SECONDS, connect=CONNECT_SECONDS)
        answer = await self._answer("GET", "/commands", params=question, timeout=timeout)
        try:
            return [Parcel.model_validate(each) for each in answer["commands"]]
        except (KeyError, TypeError, ValueError) as error:
            raise _NoAnswer(f"{self._place} answers with something else than the registry does: {error}") from error

    async def _answer(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            response = await self._client.request(method, self._path + path, **request)
            if response.status_code == httpx.codes.OK:
                answer: dict[str, Any] = response.json()
                return answer
        except httpx.HTTPError as error:
            raise _NoAnswer(f"{self._place} does not answer: {type(error).__name__}: {error}") from error
        except ValueError as error:
            raise _NoAnswer(f"{self._place} answers with something else than JSON") from error
        raise self._refusal(response)

    def _refusal(self, response: httpx.Response) -> _NoAnswer:
        told = _detail(response)
        match response.status_code:
            case 401 | 403:
                return _NoAnswer(
                    f"{self._place} refuses this node's token ({response.status_code}): {told}; "
                    "was it revoked? `callboard-agent join` with a new token lets it in again"
                )
            case 404:
                return _NoAnswer(
                    f"{self._place} has no such address (404): set CALLBOARD_URL to the console's, and see that the "
                    "back office is not older than this agent"
                )
            case status:
                return _NoAnswer(f"{self._place} answers {status}: {told}")


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase or "no reason given"
