"""FastStream brokers as this project makes them: named, without a log line per message, with an end.

A broker object is disposable here. aio-pika's robust connection bridges short cuts; whoever finds one that does
not recover stops it and makes a new one, which is the recovery that works for every cause.
"""

import asyncio

import structlog
from faststream.rabbit import Channel, RabbitBroker
from yarl import URL

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT = 5.0
# A cut is bridged at once where it can be. Whoever needs the connection makes a new one before this has passed; an idle
# one that came back sooner would only keep a broker busy that has just come back itself, with every node's logins.
RECONNECT_SECONDS = 10.0
STOP_TIMEOUT = 3.0
# Cuts that say nothing (a firewall that forgets, a blackholed link) are noticed within two of these, in seconds.
AMQP_HEARTBEAT = 10


def new_broker(url: str, name: str, channel: Channel, *, drain: float = 5.0) -> RabbitBroker:
    """A broker whose connection is called `callboard <name>`; `drain` is how long handlers may finish at stop."""
    return RabbitBroker(
        named_url(url, name),
        default_channel=channel,
        timeout=CONNECT_TIMEOUT,
        reconnect_interval=RECONNECT_SECONDS,
        graceful_timeout=drain,
        apply_types=False,
        logger=None,
    )


def named_url(url: str, name: str) -> str:
    """The address of the broker with the connection's name and its heartbeat in it."""
    return str(URL(url).update_query(name=f"callboard {name}", heartbeat=str(AMQP_HEARTBEAT)))


async def stop_quietly(broker: RabbitBroker, timeout: float = STOP_TIMEOUT) -> None:
    """Stop a broker that may be dead already: its errors are logged, its time is bounded."""
    try:
        async with asyncio.timeout(timeout):
            await broker.stop()
    except Exception as error:
        log.info("broker_stopped_uncleanly", reason=f"{type(error).__name__}: {error}")
