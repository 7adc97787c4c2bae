"""The load of the intake benchmark, a process of its own: publishes heartbeats as fast as the broker confirms.

`python -m bench.load AMQP_URL NODES ACCOUNTS FIRST_SEQ LAST_SEQ`; prints the monotonic time of the first publish.
Bodies are made before the clock starts: the agents that make them run on other machines.
"""

import asyncio
import hashlib
import sys
import time
from datetime import UTC, datetime

import aio_pika

from shared.contracts import names
from shared.contracts.accounts import AccountReport, AccountStatus
from shared.contracts.heartbeats import HeartbeatReported

IN_FLIGHT = 100
HASH = "sha256:" + "ab" * 32


def digest(node: int, seq: int) -> str:
    """A digest as a node would have it: another for every beat."""
    return hashlib.blake2b(f"{node}/{seq}".encode(), digest_size=16).hexdigest()


def heartbeat(node: int, accounts: int, seq: int) -> HeartbeatReported:
    """A beat in which every account has changed; the first one is full."""
    now = datetime.now(UTC)
    changed = [
        AccountReport(
            account_id=f"account-{account}",
            status=AccountStatus.ONLINE,
            script_id="welcome-desk",
            script_version=1,
            script_hash=HASH,
            message_count=seq * 10,
            reply_count=seq * 3,
            last_activity=now,
            session_file="account.session",
        )
        for account in range(accounts)
    ]
    return HeartbeatReported(
        node_id=f"node-{node}",
        boot=1,
        seq=seq,
        ledger_id="0" * 32,
        full=seq == 1,
        base_digest=None if seq == 1 else digest(node, seq - 1),
        digest=digest(node, seq),
        account_count=accounts,
        changed=changed,
        sent_at=now,
    )


async def main(url: str, nodes: int, accounts: int, first: int, last: int) -> None:
    """Publish every node's beats, round by round."""
    beats = [
        (names.heartbeat_key(f"node-{node}"), heartbeat(node, accounts, seq).model_dump_json().encode())
        for seq in range(first, last + 1)
        for node in range(nodes)
    ]
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel(publisher_confirms=True)
        exchange = await channel.get_exchange(names.EVENTS)
        places = asyncio.Semaphore(IN_FLIGHT)
        headers: dict[str, aio_pika.abc.HeadersType] = {}

        async def publish(key: str, body: bytes) -> None:
            message = aio_pika.Message(
                body, headers={"cloudEvents:type": HeartbeatReported.TYPE, **headers}, delivery_mode=2
            )
            await exchange.publish(message, key)
            places.release()

        print(time.monotonic(), flush=True)
        async with asyncio.TaskGroup() as group:
            for key, body in beats:
                await places.acquire()
                group.create_task(publish(key, body))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:6])))
