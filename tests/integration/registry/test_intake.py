"""The intake end to end: over a real broker into a real database, and the answers back."""

import asyncio

import pytest

from services.registry.domain.judgement import RECENT_DIGESTS
from services.registry.settings import Settings
from shared.contracts.own_accounts import NameOwnAccounts, own_accounts_digest
from shared.messaging.rabbit_bus import RabbitBus
from tests.integration.registry.conftest import Node, Running, running_registry
from tests.support.waiting import until
from tests.unit.registry.builders import account, beat, change


async def test_a_heartbeat_becomes_rows_and_a_lease(registry: Running, node: Node) -> None:
    """The main path: what a node reports is in the API, and the node may run."""
    await node.bus.publish(beat(1, account("a", message_count=3), account("b", status="error", status_reason="banned")))
    lease = await node.lease(1)
    assert (lease.seconds, lease.full_report, lease.changes_through) == (30, False, 0)
    rows = await registry.accounts()
    assert (rows["a"]["message_count"], rows["b"]["status_reason"]) == (3, "banned")
    await node.bus.publish(beat(2, account("a", message_count=4), base=1, removed=["b"]))
    await node.lease(2)
    rows = await registry.accounts()
    assert [(name, row["message_count"]) for name, row in rows.items()] == [("a", 4)]


async def test_many_beats_at_once_end_in_the_newest_state_and_its_lease(registry: Running, node: Node) -> None:
    """Beats that share a batch would lose their answer or overwrite the newest state."""
    await node.bus.publish(beat(1))
    await node.lease(1)
    beats = [beat(seq, account("a", message_count=seq), base=1) for seq in range(2, 2 + RECENT_DIGESTS - 1)]
    await asyncio.gather(*(node.bus.publish(each) for each in beats))
    await node.lease(beats[-1].seq)
    assert (await registry.accounts())["a"]["message_count"] == RECENT_DIGESTS


async def test_an_account_change_does_not_wait_for_a_beat(registry: Running, node: Node) -> None:
    """An account that fails would be shown online until the next beat, and its history would have a hole."""
    await node.bus.publish(beat(1, account("a")))
    await node.lease(1)
    for _ in range(2):
        await node.bus.publish(change(1, account("a", status="error", status_reason="AuthKeyDuplicated")))

    async def in_error() -> bool:
        return bool((await registry.accounts())["a"]["status"] == "error")

    await until(in_error, "the account in error")
    await node.bus.publish(beat(2, base=1))
    assert (await node.lease(2)).changes_through == 1
    history = await registry.get("/api/v1/group-ai/accounts/a/changes")
    assert [entry["reason"] for entry in history["items"]] == ["AuthKeyDuplicated"]


async def test_a_node_is_told_the_own_accounts_that_it_does_not_know(registry: Running, node: Node) -> None:
    """A node that does not know the others' accounts answers them, and they answer it."""
    await node.bus.publish(beat(1, account("a", user_id=77)))
    await node.lease(1)
    knows_none, seq = own_accounts_digest(()), iter(range(2, 200))

    async def told() -> list[NameOwnAccounts]:
        await node.bus.publish(beat(next(seq), base=1, own_accounts=knows_none))
        return [answer for answer in node.of(NameOwnAccounts) if answer.user_ids]

    [first, *_] = await until(told, "the list of own accounts", 20)
    assert first.user_ids == [77]


async def test_an_older_start_is_refused(registry: Running, node: Node) -> None:
    """A second agent with the same name would run the same sessions."""
    await node.bus.publish(beat(1, boot=7))
    await until(lambda: node.answers, "the first lease")
    await node.bus.publish(beat(5, boot=6))
    refusal = await node.refusal()
    assert (refusal.boot, refusal.newest_boot) == (6, 7)


@pytest.mark.parametrize(
    ("key", "body", "reason"),
    [
        ("node.n.heartbeat", b"{not json", "invalid JSON"),
        ("node.n.heartbeat", b'{"node_id": "n", "boot": "x"}', "boot: must be a whole number"),
        ("node.other.heartbeat", beat(1).model_dump_json().encode(), "speaks for node 'n' but was sent as 'other'"),
        ("node.other.account", change(1).model_dump_json().encode(), "speaks for node 'n' but was sent as 'other'"),
        (
            "node.n.heartbeat",
            beat(2**70, account()).model_dump_json().encode(),
            "PostgreSQL cannot store it: ",
        ),
    ],
    ids=["no JSON", "wrong type", "beat for another node", "change for another node", "no column holds it"],
)
async def test_what_cannot_be_recorded_is_a_dead_letter_with_its_reason(
    registry: Running, key: str, body: bytes, reason: str
) -> None:
    """A bad message would block the queue, vanish, or be taken for another node's word."""
    await registry.publish_raw(key, body)
    found, content = await registry.dead_letter()
    assert reason in found
    assert content == body
    assert await registry.accounts() == {}


async def test_a_hand_written_beat_works(registry: Running, node: Node) -> None:
    """An operator who types a body into the management console would get nothing."""
    await registry.publish_raw("node.n.heartbeat", beat(1, account("typed")).model_dump_json().encode())
    await node.lease(1)
    assert list(await registry.accounts()) == ["typed"]


async def test_a_silent_node_goes_offline_and_comes_back(settings: Settings, node: Node) -> None:
    """The operator would not see that a machine has died, or that it lives again."""
    quick = settings.model_copy(update={"lease_seconds": 1.0})
    async with running_registry(quick) as registry:

        async def status() -> str:
            return str((await registry.accounts())["a"]["status"])

        async def is_offline() -> bool:
            return await status() == "offline"

        await node.bus.publish(beat(1, account("a")))
        await node.lease(1)
        await until(is_offline, "the node offline")
        await node.bus.publish(beat(2, base=1))
        await node.lease(2)
        assert await status() == "online"


async def test_messages_wait_while_the_registry_is_away(settings: Settings, node: Node) -> None:
    """Changes reported while the registry was restarted would be lost."""
    bus: RabbitBus = node.bus
    await bus.publish(change(1, account("a", status="error")))
    async with running_registry(settings) as registry:
        await until(registry.accounts, "the account")
        assert (await registry.get("/api/v1/workers"))["items"][0]["status"] == "offline"
