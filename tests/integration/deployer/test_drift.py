"""Drift with real RabbitMQ and PostgreSQL: what was lost comes back, and an older database undoes nothing."""

from importlib.resources import files
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from services.deployer.api.script_source import EXAMPLE
from shared.contracts.artifacts import AppliedArtifact, FileState
from shared.contracts.deliveries import DeliverArtifact
from shared.db.migrations import migrate
from tests.integration.deployer.running import Agent, Deployer, Listener, settings
from tests.support import databases
from tests.support.servers import Postgres
from tests.support.waiting import until
from tests.unit.deployer.making import HASH, OTHER_HASH

DRIFT = "/api/v1/group-ai/script-deployment/drift"
SECOND = EXAMPLE + "# the second version\n"
QUICK = {"drift_settle_seconds": 0.2, "drift_repair_first_seconds": 0.5}


def has(order: DeliverArtifact, **changes: Any) -> AppliedArtifact:
    """What an agent says that has applied an order."""
    known = {"tests_passed": True, "delivery_id": order.delivery_id, "ordered_at": order.issued_at, "file": "intact"}
    return AppliedArtifact.model_validate(order.artifact.model_dump() | known | changes)


async def verified(deployer: Deployer, agent: Agent, source: str, **body: Any) -> DeliverArtifact:
    """Push, deploy, and let the registry announce that the agent has it; its order."""
    await deployer.push(source)
    await deployer.ended(await deployer.deploy("greeter", node_ids=[agent.node_id], **body))
    order = agent.orders[-1]
    await agent.announce(artifacts=[has(order)])
    return order


async def shown(deployer: Deployer) -> list[dict[str, Any]]:
    """The list of drift."""
    return list((await deployer.http.get(DRIFT)).json()["items"])


async def until_shown(deployer: Deployer, state: str) -> dict[str, Any]:
    """Wait until the first difference that is shown has this state; the difference."""

    async def look() -> bool:
        return [item["state"] for item in await shown(deployer)][:1] == [state]

    await until(look, f"drift is shown as {state}")
    return (await shown(deployer))[0]


async def test_a_damaged_file_is_brought_back_and_told(database_url: str, amqp_url: str) -> None:
    """The whole of it: seen, shown, sent again by the same order, told, and gone from the list."""
    async with (
        Deployer(settings(database_url, amqp_url, **QUICK)).up() as deployer,
        Agent(amqp_url, "demo-a").up() as agent,
        Listener(amqp_url, "deploy.drift.#").up() as listener,
    ):
        await deployer.knows("demo-a")
        first = await verified(deployer, agent, EXAMPLE, bind="all")
        await agent.announce(artifacts=[has(first, file=FileState.MISSING)])
        await until(lambda: len(agent.orders) > 1, "the order is sent again")
        again = agent.orders[1]
        assert (again.delivery_id, again.attempt, again.bindings) == (first.delivery_id, 2, {"*": "greeter"})
        await agent.announce(artifacts=[has(first)])

        async def nothing_left() -> bool:
            return await shown(deployer) == []

        await until(nothing_left, "nothing is shown any more")
        await until(lambda: len(listener.heard) == 2, "both are told")
        assert [(one["change"], one["kind"]) for one in listener.heard] == [("found", "missing"), ("repaired", None)]
        assert (await deployer.http.get("/api/v1/dead-letters")).json()["items"] == []


@pytest.mark.parametrize("settled", ["adopt", "overwrite"])
async def test_a_database_restored_from_an_older_copy_overwrites_nothing_unseen(
    database_url: str, amqp_url: str, postgres_server: Postgres, settled: str
) -> None:
    """The restore of a backup would roll the fleet back to yesterday, with nobody having said so."""
    async with Agent(amqp_url, "demo-a").up() as agent:
        async with Deployer(settings(database_url, amqp_url, **QUICK)).up() as deployer:
            await deployer.knows("demo-a")
            first = await verified(deployer, agent, EXAMPLE, bind="all")
        backup = await databases.copy(postgres_server, database_url)
        async with Deployer(settings(database_url, amqp_url, **QUICK)).up() as deployer:
            second = await verified(deployer, agent, SECOND)
        try:
            async with Deployer(settings(backup, amqp_url, **QUICK)).up() as deployer:
                await agent.announce(artifacts=[has(second)])
                newer = await until_shown(deployer, "newer")
                assert (
                    newer["found"]["hash"] == second.artifact.hash and newer["desired"]["hash"] == first.artifact.hash
                )
                assert len(agent.orders) == 2
                refused = await deployer.http.post(f"{DRIFT}/demo-a/greeter/adopt")
                assert refused.status_code == 409 and "push that script again" in refused.json()["detail"]
                if settled == "adopt":
                    await deployer.push(SECOND)
                    answer = (await deployer.http.post(f"{DRIFT}/demo-a/greeter/adopt")).json()
                    assert answer["desired"]["hash"] == second.artifact.hash
                else:
                    assert (await deployer.http.post(f"{DRIFT}/demo-a/greeter/overwrite")).status_code == 200
                    await until(lambda: len(agent.orders) == 3, "the desired version is ordered")
                    back = agent.orders[2]
                    assert back.artifact.hash == first.artifact.hash and back.issued_at > second.issued_at
                    await agent.announce(artifacts=[has(back)])

                async def nothing_left() -> bool:
                    return await shown(deployer) == []

                await until(nothing_left, "nothing is shown any more")
                assert len(agent.orders) == (2 if settled == "adopt" else 3)
                assert (await deployer.http.get("/api/v1/dead-letters")).json()["items"] == []
        finally:
            await databases.drop(postgres_server, backup)


async def test_the_migration_makes_rows_of_what_was_verified(database_url: str) -> None:
    """An upgrade would call every script of every node newer, or never notice that one is gone."""
    await _down(database_url)
    connection = await asyncpg.connect(database_url.replace("postgresql+asyncpg", "postgresql"), timeout=10)
    try:
        await connection.execute(_OLD_ROWS)
        await migrate(database_url, "services.deployer", "deployer")
        rows = await connection.fetch("select * from deployer.desired order by node_id")
        assert [(row["node_id"], row["delivery_id"], row["hash"], row["attempt"]) for row in rows] == [
            ("a", "dlv_2", OTHER_HASH, 4),
            ("b", "dlv_3", HASH, 1),
        ]
        assert {(row["policy"], row["state"], row["look_at"]) for row in rows} == {("repair", "in_sync", None)}
        bindings = await connection.fetch("select node_id, bindings from deployer.verified_bindings order by node_id")
        assert [tuple(row) for row in bindings] == [("a", '{"*": "greeter"}'), ("b", None)]
    finally:
        await connection.close(timeout=10)


# Node `a` had two verified versions; `b` one, and then a newer order, with a binding, that failed.
_OLD_ROWS = f"""
insert into deployer.scripts values ('greeter', 2, now());
insert into deployer.script_versions values
    ('greeter', 1, '{HASH}', 't', 1, 'x', now()), ('greeter', 2, '{OTHER_HASH}', 't', 1, 'y', now());
insert into deployer.deployments
    (id, script_id, version, hash, bind, targets, state, total, totals, created_at, finished_at)
values
    ('dep_1', 'greeter', 1, '{HASH}', null, '{{}}', 'succeeded', 2, '{{}}', now() - interval '2 h', now()),
    ('dep_2', 'greeter', 2, '{OTHER_HASH}', '"all"', '{{}}', 'failed', 2, '{{}}', now() - interval '1 h', now());
insert into deployer.deliveries
    (id, deployment_id, node_id, script_id, version, hash, state, attempts, failed_attempts,
     next_attempt_at, deadline_at, created_at, updated_at)
values
    ('dlv_1', 'dep_1', 'a', 'greeter', 1, '{HASH}', 'verified', 1, '[]', now(), now(), now() - interval '2 h', now()),
    ('dlv_3', 'dep_1', 'b', 'greeter', 1, '{HASH}', 'verified', 1, '[]', now(), now(), now() - interval '2 h', now()),
    ('dlv_2', 'dep_2', 'a', 'greeter', 2, '{OTHER_HASH}', 'verified', 4, '[]', now(), now(), now() - interval '1 h',
     now()),
    ('dlv_4', 'dep_2', 'b', 'greeter', 2, '{OTHER_HASH}', 'failed', 1, '[]', now(), now(), now() - interval '1 h',
     now());
insert into deployer.bindings values ('a', '{{"*": "greeter"}}'), ('b', '{{"*": "greeter"}}');
"""


async def _down(url: str) -> None:
    """Take the schema back to before the migration."""

    def downgrade(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(files("services.deployer") / "migrations"))
        config.attributes.update(connection=connection, schema="deployer")
        command.downgrade(config, "0002")

    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(downgrade)
    await engine.dispose()
