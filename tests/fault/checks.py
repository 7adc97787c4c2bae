"""What must hold after every fault, asked of the real databases: nothing lost, nothing twice."""

import sqlite3

from services.telegram_sandbox.api.bodies import MessageRow
from tests.support.fleet import CHAT, Fleet
from tests.support.waiting import until


async def deployment_ended_verified(fleet: Fleet, deployment: str, seconds: float = 90) -> None:
    """Every delivery of the deployment is verified, with the deployment's hash, and told once."""

    async def verified() -> bool:
        return await fleet.verified(deployment)

    await until(verified, f"every delivery of {deployment} is verified", seconds)
    rows = await fleet.query(
        "select state, hash, reported_hash from deployer.deliveries where deployment_id = $1", deployment
    )
    assert len(rows) == len(fleet.nodes)
    assert {row["state"] for row in rows} == {"verified"}
    assert all(row["hash"] == row["reported_hash"] for row in rows)


async def no_account_event_is_lost(fleet: Fleet) -> None:
    """The registry has every account change that the agents' ledgers have numbered, without a gap."""
    for node in fleet.nodes:
        ledger_id, newest = _newest_change(fleet, node)

        async def arrived(node: str = node, ledger_id: str = ledger_id, newest: int = newest) -> bool:
            (row,) = await fleet.query(
                "select count(*) as many, max(number) as newest from registry.account_changes "
                "where node_id = $1 and ledger_id = $2",
                node,
                ledger_id,
            )
            return bool(row["many"] >= newest and row["newest"] >= newest and row["many"] == row["newest"])

        await until(arrived, f"all {newest} account changes of {node} are in the registry", 45)


def _newest_change(fleet: Fleet, node: str) -> tuple[str, int]:
    """The ledger's id and the number of its newest account change, read from the agent's own file."""
    path = next((fleet.home / node / "state").glob("*.sqlite"))
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as ledger:
        (ledger_id, newest) = ledger.execute("select ledger_id, last_change from identity").fetchone()
    return str(ledger_id), int(newest)


async def accounts_answer(fleet: Fleet, version: int) -> None:
    """Each account in the chat answers a guest's `ping` with the version's own words, once."""
    asked = await fleet.sandbox.say(CHAT, fleet.guest, "ping")

    async def answers() -> list[MessageRow]:
        messages = await fleet.sandbox.messages(CHAT, after=asked.message_id)
        return [message for message in messages if message.reply_to == asked.message_id]

    async def enough() -> bool:
        return len(await answers()) >= len(fleet.nodes)

    await until(enough, "the accounts answer", 30)
    heard = await answers()
    assert {message.text for message in heard} == {f"pong {version}"}
    senders = [message.sender_id for message in heard]
    assert len(senders) == len(set(senders)), "an account answered twice"
