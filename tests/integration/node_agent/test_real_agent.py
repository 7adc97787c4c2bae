"""The agent as a process, on real RabbitMQ and with real Telethon on the sandbox."""

import json
import signal

from services.telegram_sandbox.client import SandboxClient
from tests.contract.node_agent.telegram_worlds import ACCOUNT
from tests.integration.node_agent.real_node import LEASE_SECONDS, RealNode
from tests.support.agent.orders import order, script
from tests.support.waiting import until


def greeter(reply: str) -> str:
    """A script for the sandbox's chat."""
    return script(reply).replace("@demo_chat", "@the_hall")


async def connections(admin: SandboxClient) -> int:
    """How many clients the sandbox has."""
    return sum(len(row.connections) for row in await admin.sessions())


async def test_the_whole_path(node: RealNode) -> None:
    """Beat, lease, login, order, reply, reload: if any link of the chain breaks, this does."""
    await node.start()
    await node.until_online()
    beat = node.registry.beats[-1]
    assert beat.node.labels == {"rack": "7", "site": "attic"} and beat.node.hostname
    await node.bus.publish(order(greeter("first"), 1))
    await until(lambda: "applied" in [report.outcome for report in node.registry.reports], "the report")
    await node.world.guest_says("/hello")

    async def answered() -> bool:
        return len(await node.answers("first")) == 2

    await until(answered, "both accounts answer")
    await until(lambda: node.registry.accounts[ACCOUNT].reply_count == 1, "the counter")
    await node.bus.publish(order(greeter("second"), 2))
    await until(lambda: node.registry.accounts[ACCOUNT].script_version == 2, "the new version")
    await node.world.guest_says("/hello")

    async def answered_anew() -> bool:
        return len(await node.answers("second")) == 2

    await until(answered_anew, "both accounts answer with the new version")


async def test_sigterm_disconnects_and_saves_within_its_time(node: RealNode) -> None:
    """A stop that takes longer than its grace is a kill; an unsaved session loses its update state."""
    await node.start()
    await node.until_online()
    path = node.world.folder / f"{ACCOUNT}.session"
    before = path.read_bytes()
    # Something has to move the login's place in the updates, or there is nothing to save.
    await node.world.guest_says("Is anybody here?")
    await until(lambda: node.registry.accounts[ACCOUNT].message_count == 1, "the message")
    assert await node.stop() == 0, node.log()
    assert await connections(node.world.admin) == 0
    assert path.read_bytes() != before and path.stat().st_mode & 0o777 == 0o600
    await node.start()
    await node.until_online()


async def test_a_killed_agent_goes_on_where_it_was(node: RealNode) -> None:
    """After SIGKILL the script, the bindings and the changes' numbers are as the ledger has them."""
    await node.start()
    await node.until_online()
    await node.bus.publish(order(greeter("hi")))
    await until(lambda: node.registry.accounts[ACCOUNT].script_version == 1, "the script is loaded")
    boot = node.registry.beats[-1].boot
    await node.stop(signal.SIGKILL)
    await node.start()
    await until(lambda: node.registry.beats[-1].boot > boot, "the agent is back")
    await node.until_online()
    await node.world.guest_says("/hello")

    async def answered() -> bool:
        return len(await node.answers("hi")) == 2

    await until(answered, "both accounts answer")
    numbers = sorted(node.registry.changes)
    assert numbers == list(range(1, len(numbers) + 1))


async def test_without_the_registry_every_connection_is_closed_in_time(node: RealNode) -> None:
    """The lease is what keeps a session from being live twice; this is its end, on real sockets."""
    await node.start()
    await node.until_online()
    node.registry.granting = False

    async def silent() -> bool:
        return await connections(node.world.admin) == 0

    await until(silent, "no connection is left", LEASE_SECONDS + 1)
    node.registry.granting = True
    await node.until_online()


async def test_a_login_that_died_and_was_replaced(node: RealNode) -> None:
    """Error with its cause, no retry, the other account untouched; a new file brings the account back."""
    await node.start()
    await node.until_online()
    await node.world.kill(ACCOUNT)
    await node.world.drop(ACCOUNT)

    def failed() -> bool:
        row = node.registry.accounts[ACCOUNT]
        return row.status == "error" and "SESSION_REVOKED" in (row.status_reason or "")

    await until(failed, "the account is in error")
    assert node.registry.accounts["bert"].status == "online"
    ready = await node.world.admin.add_session(node.world.user_ids[ACCOUNT])
    (node.world.folder / f"{ACCOUNT}.session").write_bytes(ready.file_bytes())
    await node.until_online()


async def test_a_second_agent_on_the_same_folders_does_not_start(node: RealNode) -> None:
    """Two agents on one session folder would destroy every login in it."""
    first = await node.start()
    await node.until_online()
    second = await node.start()
    assert await second.wait() == 1
    assert "another agent runs on" in node.log()
    node.process = first


async def test_health_tells_whether_the_agent_beats(node: RealNode) -> None:
    """The container's health check would lie."""
    asked = await node.start("health")
    assert await asked.wait() == 1
    first = await node.start()
    await node.until_online()
    asked = await node.start("health")
    assert await asked.wait() == 0
    told = next(json.loads(line) for line in node.log().splitlines() if '"beat_seconds"' in line)
    assert told["broker"] == "connected"
    node.process = first
