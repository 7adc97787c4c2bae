"""The vault on a real broker and database: two replicas, nodes with keys of their own, master keys that change."""

import asyncio
import base64
import secrets
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from shared.contracts.assignments import AssignmentChanged, AssignmentState, SessionWanted
from shared.contracts.identifiers import content_hash
from shared.contracts.keys import KeysAnnounced
from shared.contracts.names import node_commands_queue
from shared.contracts.sessions import LARGEST_SESSION, DeliverSession, SessionStored, SessionSynced, sealed_for
from shared.messaging.bus import Route
from shared.messaging.rabbit_bus import RabbitBus
from shared.messaging.rabbit_consumer import RabbitConsumer
from shared.messaging.topology import static_queues
from shared.packing import packed, unpacked
from shared.sealing import new_sealing_key, open_sealed, seal, sealing_key_of
from shared.signing import check_signature
from tests.integration.deployer.running import CLOCK, RANDOMNESS, Deployer, running, settings
from tests.support.waiting import until
from tests.unit.deployer.session_making import key_of, telethon_file, telethon_string
from tests.unit.deployer.test_vault import state

SESSIONS = "/api/v1/group-ai/sessions"
FILE = {"content-type": "application/octet-stream"}


class Node:
    """A node with a key of its own: opens what it gets, hands back, and speaks as the registry where one is needed."""

    def __init__(self, amqp_url: str, node_id: str) -> None:
        self.node_id = node_id
        self._amqp_url = amqp_url
        self._private = new_sealing_key()
        self.bus = RabbitBus(amqp_url, f"node_agent/{node_id}", [*static_queues(30)], CLOCK, RANDOMNESS)
        self.logins: dict[str, tuple[DeliverSession, bytes]] = {}
        self.stored: list[str] = []
        self.trusted: dict[str, bytes] = {}
        self.vault = b""

    @asynccontextmanager
    async def up(self) -> AsyncIterator["Node"]:
        """Consume orders until the end of the context."""
        handlers = {DeliverSession: self._on_login, SessionStored: self._on_stored}
        route = Route(node_commands_queue(self.node_id), handlers)  # type: ignore[arg-type]
        consumer = RabbitConsumer(self._amqp_url, [route], self.bus, CLOCK, RANDOMNESS)
        async with running(consumer.run):
            await until(lambda: consumer.consuming, "the node consumes")
            yield self
        await self.bus.close()

    def trust(self, announced: KeysAnnounced) -> None:
        """Go by these keys, as a node that has joined."""
        self.trusted = {one.key_id: base64.b64decode(one.key) for one in announced.keys.signing}
        self.vault = base64.b64decode(announced.keys.vault.key)

    async def assign(self, account: str, epoch: int) -> None:
        """What the registry says when this node has an account."""
        change = AssignmentChanged(
            account_id=account,
            change="assigned",
            state=AssignmentState.ASSIGNED,
            epoch=epoch,
            node_id=self.node_id,
            at=CLOCK.now(),
        )
        await self.bus.publish(change)

    async def want(self, account: str, epoch: int, at_least: str | None = None) -> None:
        """What the registry says when this node lacks a login."""
        key = base64.b64encode(sealing_key_of(self._private)).decode()
        wanted = SessionWanted(
            node_id=self.node_id, account_id=account, epoch=epoch, sealing_key=key, at_least=at_least, at=CLOCK.now()
        )
        await self.bus.publish(wanted)

    async def sync(self, account: str, content: bytes, place: tuple[int, int, int]) -> str:
        """Hand a state back; its hash."""
        hash_ = content_hash(content)
        bound_to = sealed_for(SessionSynced.TYPE, self.node_id, account, place[0], hash_)
        message = SessionSynced(
            node_id=self.node_id,
            account_id=account,
            epoch=place[0],
            boot=place[1],
            number=place[2],
            hash=hash_,
            size=len(content),
            sealed=base64.b64encode(seal(packed(content), self.vault, bound_to)).decode(),
            at=CLOCK.now(),
        )
        await self.bus.publish(message)
        return hash_

    async def got(self, account: str) -> None:
        """Wait for an account's login."""
        await until(lambda: account in self.logins, f"the login of {account} has come", 20)

    async def _on_login(self, order: DeliverSession) -> None:
        check_signature(order, self.trusted)
        assert (order.sealed is None) != (order.url is None)
        if order.url is None:
            sealed = base64.b64decode(order.sealed or "")
        else:
            async with httpx.AsyncClient(timeout=10) as bare:
                sealed = (await bare.get(order.url)).content
        bound_to = sealed_for(DeliverSession.TYPE, self.node_id, order.account_id, order.epoch, order.hash)
        content = unpacked(open_sealed(sealed, self._private, bound_to), LARGEST_SESSION)
        assert (content_hash(content), len(content)) == (order.hash, order.size)
        self.logins[order.account_id] = (order, content)

    async def _on_stored(self, told: SessionStored) -> None:
        check_signature(told, self.trusted)
        self.stored.append(told.hash)


@pytest.fixture
async def nodes(amqp_url: str, database_url: str, tmp_path: Path) -> AsyncIterator[tuple[Deployer, Deployer, Node]]:
    """Two replicas on one key file, and a node that has joined."""
    (tmp_path / "vault-keys").write_text(secrets.token_hex(32))
    given = [settings(database_url, amqp_url, vault_key_file=tmp_path / "vault-keys") for _ in range(2)]
    async with AsyncExitStack() as stack:
        one, two = [await stack.enter_async_context(Deployer(each).up()) for each in given]
        node = await stack.enter_async_context(Node(amqp_url, "tokyo").up())
        keys = one.app._keys
        await until(lambda: keys.problem is None, "the deployer has keys")
        node.trust(KeysAnnounced(keys=keys.opened.trusted, at=CLOCK.now()))
        yield one, two, node


async def upload(deployer: Deployer, account: str, content: bytes) -> dict[str, Any]:
    """Upload one login."""
    response = await deployer.http.post(SESSIONS, params={"account_id": account}, content=content, headers=FILE)
    assert response.status_code in (200, 201), response.text
    return dict(response.json()["items"][0])


async def test_a_login_goes_out_sealed_and_comes_back(nodes: tuple[Deployer, Deployer, Node], amqp_url: str) -> None:
    """The whole way of a login: uploaded here, run there, its newest state the one that the next node gets."""
    one, two, node = nodes
    await upload(one, "ana", telethon_file())
    await node.want("ana", 1)
    await node.got("ana")
    order, content = node.logins["ana"]
    assert order.version == 1 and key_of() in content
    hash_ = await node.sync("ana", state(1), (1, 5, 1))
    await until(lambda: hash_ in node.stored, "the vault has the state")
    listed = (await two.http.get(f"{SESSIONS}/ana/versions")).json()["items"]
    assert [(each["origin"], each["current"]) for each in listed] == [("sync", True), ("upload", False)]
    async with Node(amqp_url, "osaka").up() as next_:
        next_.trusted = node.trusted
        await next_.want("ana", 2, at_least=hash_)
        await next_.got("ana")
        assert content_hash(next_.logins["ana"][1]) == hash_


async def test_a_large_login_is_fetched(nodes: tuple[Deployer, Deployer, Node]) -> None:
    """A login of an account that knows many people could not be delivered."""
    one, _, node = nodes
    many = sqlite3.connect(":memory:")
    many.deserialize(telethon_file())
    names = {each: key_of(each)[:16].hex() for each in range(99, 4999)}
    many.executemany("insert into entities values (?, ?, ?, null, ?, 1)", [(i, i, n, n) for i, n in names.items()])
    many.commit()
    await upload(one, "ana", bytes(many.serialize()))
    many.close()
    await node.want("ana", 1)
    await node.got("ana")
    assert node.logins["ana"][0].url is not None


async def test_master_keys_change_while_logins_come_and_go(
    nodes: tuple[Deployer, Deployer, Node], database_url: str, tmp_path: Path
) -> None:
    """A rotation would stop uploads or deliveries, or leave something that only the old key opens."""
    one, two, node = nodes
    file = tmp_path / "vault-keys"
    old, new = file.read_text(), secrets.token_hex(32)
    for number in range(20):
        await upload(one, f"before-{number}", telethon_string(key_of(1000 + number)))
    going = True
    done: list[str] = []

    async def traffic(deployer: Deployer, name: str, number: int) -> None:
        while going:
            account = f"{name}-{number}"
            await upload(deployer, account, telethon_string(key_of(number)))
            await node.want(account, 1)
            await node.got(account)
            done.append(account)
            number += 1

    async with asyncio.TaskGroup() as group:
        group.create_task(traffic(one, "one", 10_000))
        group.create_task(traffic(two, "two", 20_000))
        await until(lambda: len(done) >= 4, "there is traffic", 20)
        # Put in its place whole: a file that is being written would be half a key for a moment.
        (tmp_path / "new").write_text(f"{new}\n{old}\n")
        (tmp_path / "new").rename(file)
        while (rotated := (await two.http.post(f"{SESSIONS}/rotate-key")).json())["left"]:
            assert rotated["unreadable"] == 0
        before = len(done)
        await until(lambda: len(done) >= before + 4, "the traffic goes on", 20)
        going = False
    assert (await one.http.post(f"{SESSIONS}/rotate-key")).json()["left"] == 0
    (tmp_path / "new").write_text(new)
    (tmp_path / "new").rename(file)
    connection = await asyncpg.connect(database_url.replace("postgresql+asyncpg", "postgresql"), timeout=10)
    heads = await connection.fetch(
        "select distinct encode(substring(data_key from 1 for 9), 'hex') as h from deployer.sessions"
    )
    await connection.close(timeout=10)
    assert [row["h"] for row in heads] == ["02" + rotated["active"]]
    for account in ("before-0", "before-19", *done):
        node.logins.pop(account, None)
        await node.want(account, 1)
        await node.got(account)
