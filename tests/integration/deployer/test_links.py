"""Links: an agent's messages carried over SSH. The broker, the database, the sshd and the agent's folder are real."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.deployer.api.script_source import EXAMPLE
from services.deployer.use_cases import keep_links
from services.node_agent.transports.folder import FolderTransport
from shared.backoff import Backoff
from shared.contracts.artifacts import AppliedArtifact
from shared.contracts.deliveries import INLINE_LIMIT, DeliverArtifact, DeliveryOutcome, DeliveryReported
from shared.contracts.fleet import NodeObserved, NodeStatus
from shared.contracts.heartbeats import NodeFacts
from shared.contracts.identifiers import content_hash
from shared.contracts.names import node_commands_queue
from shared.messaging.bus import Route
from shared.messaging.rabbit_bus import RabbitBus
from shared.messaging.topology import static_queues
from tests.integration.deployer.running import CLOCK, RANDOMNESS, Deployer, running, settings
from tests.integration.deployer.test_servers import body, registered
from tests.support.sshd import Sshd, running_sshd
from tests.support.waiting import until

NODE = "node-a"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that breaks is opened again soon."""
    monkeypatch.setattr(keep_links, "BACKOFF", Backoff(first=0.1, most=0.5))
    monkeypatch.setattr(keep_links, "STEP_SECONDS", 0.2)


@pytest.fixture
async def sshd(tmp_path: Path) -> AsyncIterator[Sshd]:
    """A server that lets one key in."""
    async with running_sshd(tmp_path / "sshd") as served:
        yield served


class FolderAgent:
    """A node that has nothing but its folder, loads whatever it is told and says so."""

    def __init__(self, folder: Path) -> None:
        self.transport = FolderTransport(folder, NODE, CLOCK, RANDOMNESS)
        self.orders: list[DeliverArtifact] = []

    @asynccontextmanager
    async def up(self) -> AsyncIterator["FolderAgent"]:
        """Take orders out of the inbox until the end of the context."""
        route = Route(node_commands_queue(NODE), {DeliverArtifact: self._on_order})
        async with running(lambda: self.transport.consume(route)):
            yield self

    async def _on_order(self, order: DeliverArtifact) -> None:
        self.orders.append(order)
        assert order.content is not None and content_hash(order.content.encode()) == order.artifact.hash
        for outcome in (DeliveryOutcome.RECEIVED, DeliveryOutcome.APPLIED):
            applied = outcome is DeliveryOutcome.APPLIED
            report = DeliveryReported(
                node_id=NODE,
                delivery_id=order.delivery_id,
                attempt=order.attempt,
                outcome=outcome,
                loaded_hash=order.artifact.hash if applied else None,
                tests_passed=applied,
                at=CLOCK.now(),
            )
            await self.transport.publish(report)


async def announce(amqp_url: str) -> None:
    """What the registry says when it has the node's beat."""
    bus = RabbitBus(amqp_url, "registry", [*static_queues(30)], CLOCK, RANDOMNESS)
    seen = NodeObserved(
        node_id=NODE,
        change="online",
        status=NodeStatus.ONLINE,
        boot=1,
        seq=1,
        node=NodeFacts(),
        artifacts=list[AppliedArtifact](),
        at=CLOCK.now(),
    )
    await bus.publish(seen)
    await bus.close()


@asynccontextmanager
async def linked(database_url: str, amqp_url: str, sshd: Sshd, home: Path) -> AsyncIterator[Deployer]:
    """A deployer with a link to the server."""
    async with Deployer(settings(database_url, amqp_url)).up() as deployer:
        await announce(amqp_url)
        await deployer.knows(NODE)
        await deployer.push(EXAMPLE)
        link = {"node_id": NODE, "link": True}
        await registered(deployer.http, body(sshd, home, {"private_key": sshd.private_key}) | link)
        yield deployer


async def test_a_script_reaches_a_node_that_has_no_broker(
    database_url: str, amqp_url: str, sshd: Sshd, tmp_path: Path
) -> None:
    """A server behind a firewall could only be reached by hand."""
    home = tmp_path / "there"
    async with linked(database_url, amqp_url, sshd, home) as deployer, FolderAgent(home / "exchange").up() as agent:
        await deployer.ended(await deployer.deploy("greeter", node_ids=[NODE]))
        await until(lambda: not list((home / "exchange" / "outbox").glob("*.json")), "the reports are taken")
        # The next order may be on its way just now.
        await until(lambda: not list((home / "exchange").rglob("*.part")), "no half file is left")
    assert {order.artifact.id for order in agent.orders} == {"greeter"}


async def test_a_large_script_comes_with_its_content(
    database_url: str, amqp_url: str, sshd: Sshd, tmp_path: Path
) -> None:
    """The order would name a URL that the node cannot reach."""
    home = tmp_path / "there"
    large = EXAMPLE.replace("id: greeter", "id: large") + "# more\n" * (INLINE_LIMIT // 7 + 1)
    async with linked(database_url, amqp_url, sshd, home) as deployer, FolderAgent(home / "exchange").up() as agent:
        await deployer.push(large)
        await deployer.ended(await deployer.deploy("large", node_ids=[NODE]))
    assert agent.orders[0].content == large and agent.orders[0].url is None


async def test_a_link_that_breaks_comes_back_and_loses_nothing(
    database_url: str, amqp_url: str, sshd: Sshd, tmp_path: Path
) -> None:
    """A restart of the server's sshd would leave the node unreachable until somebody looks."""
    home = tmp_path / "there"
    async with linked(database_url, amqp_url, sshd, home) as deployer, FolderAgent(home / "exchange").up():
        await deployer.ended(await deployer.deploy("greeter", node_ids=[NODE]))
        await sshd.stop()
        second = await deployer.deploy("greeter", node_ids=[NODE])
        await sshd.start()
        ended = await deployer.ended(second)
    assert ended["totals"]["verified"] == 1


async def test_reports_of_others_are_set_aside(database_url: str, amqp_url: str, sshd: Sshd, tmp_path: Path) -> None:
    """One node could speak for another one, or a broken file would be carried for ever."""
    home = tmp_path / "there"
    outbox = home / "exchange" / "outbox"
    outbox.mkdir(parents=True)
    other = FolderTransport(home / "exchange", "node-b", CLOCK, RANDOMNESS)
    of_another = DeliveryReported(
        node_id="node-b", delivery_id="dlv_" + "0" * 32, attempt=1, outcome=DeliveryOutcome.RECEIVED, at=CLOCK.now()
    )
    await other.publish(of_another, message_id="stranger")
    (outbox / "broken.json").write_text("{half")
    (outbox / ".unfinished.json.part").write_text("{half")
    async with linked(database_url, amqp_url, sshd, home):
        wanted = {"stranger.json.refused", "broken.json.refused", ".unfinished.json.part"}
        await until(lambda: {path.name for path in outbox.iterdir()} == wanted, "they are set aside")


async def test_a_removed_server_is_not_linked_any_more(
    database_url: str, amqp_url: str, sshd: Sshd, tmp_path: Path
) -> None:
    """Its sessions would stay open with a login that nobody has any more."""
    home = tmp_path / "there"
    async with linked(database_url, amqp_url, sshd, home) as deployer:
        await until(lambda: (home / "exchange" / "outbox").exists(), "the link is open")
        await deployer.http.delete("/api/v1/group-ai/servers/tokyo-1")
        await until(lambda: "Disconnected from user" in sshd.log, "the link is closed")
