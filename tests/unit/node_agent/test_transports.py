"""The ways to the back office: which settings each needs, and what the folder does with its files."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.console.app import TIMEOUTS
from services.node_agent.settings import AgentSettings
from services.node_agent.transports import folder
from services.node_agent.transports.amqp import AmqpTransport
from services.node_agent.transports.folder import FolderTransport
from services.node_agent.transports.http import ANSWER_SECONDS, POLL_SECONDS
from services.registry.api.worker_orders import LONGEST_WAIT
from shared.clock import SystemClock
from shared.contracts import names
from shared.contracts.leases import GrantLease
from shared.contracts.parcels import Parcel, file_name, is_file_name, packed, parcel_id, temporary_name
from shared.messaging import PublishFailed, Route, Unavailable
from shared.messaging.handling import Handling, Received
from shared.randomness import SystemRandomness
from shared.settings import read_settings
from tests.support.waiting import until
from tests.unit.node_agent.test_doors import environment
from tests.unit.registry.builders import beat, change

NODE = "n"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"AMQP_URL": "amqp://a-login:of-everybody@broker/"}, ["CALLBOARD_AMQP_URL: "]),
        ({"TRANSPORT": "http", "URL": "callboard.example"}, ["CALLBOARD_URL: "]),
        ({"TRANSPORT": "pigeon"}, ["CALLBOARD_TRANSPORT: "]),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: dict[str, str], told: list[str]
) -> None:
    """An agent with half an address, or with somebody else's login, would start, and fail somewhere in a library."""
    environment(monkeypatch, **given)
    with pytest.raises(SystemExit):
        read_settings(AgentSettings)
    lines = capsys.readouterr().err.splitlines()
    assert [line[: len(start)] for line, start in zip(lines, told, strict=True)] == told, lines


def test_the_command_line_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--transport folder` on a machine whose environment says otherwise would be ignored."""
    environment(monkeypatch, TRANSPORT="http")
    assert read_settings(AgentSettings, transport="folder").transport == "folder"


async def test_an_order_from_the_broker_that_cannot_be_read_is_said_to_be_dropped() -> None:
    """Who reads in the log of a dead letter would look for it among them, where a node's login puts nothing."""
    clock, randomness = SystemClock(), SystemRandomness()
    transport = AmqpTransport("amqp://nobody-is-there/", NODE, clock, randomness)
    route = Route(names.node_commands_queue(NODE), {GrantLease: _never})
    order = Received(route.queue.name, b"{not json", None, names.COMMANDS, names.command_key(NODE))
    with capture_logs() as logs:
        await Handling(route, transport.bury, clock, randomness).handle(order)
    [line] = logs
    assert line["event"] == "order_dropped" and "invalid JSON" in line["reason"]


async def _never(message: GrantLease) -> None:
    raise AssertionError("there is nothing to handle")


def test_every_wait_on_the_way_of_a_poll_is_longer_than_the_one_before() -> None:
    """A poll that is refused for its length, or cut by the console, would look like an outage each time."""
    assert POLL_SECONDS <= LONGEST_WAIT
    assert TIMEOUTS.read is not None and TIMEOUTS.read > LONGEST_WAIT + ANSWER_SECONDS


def test_names_of_files() -> None:
    """A file that is still being written would be read, or a foreign name leave the folder."""
    grant = GrantLease(node_id=NODE, boot=1, seq=1, seconds=30, ledger_id="0" * 32)
    parcel = packed(grant, "a1")
    assert is_file_name(file_name(parcel)) and not is_file_name(temporary_name(parcel))
    assert not any(map(is_file_name, (".a.json", "a.json.part", "../a.json", "a b.json", ".json", "a.json.refused")))
    assert parcel_id("../../etc/passwd") == parcel_id("../../etc/passwd") != parcel_id("x/y")
    assert is_file_name(parcel_id("../../etc/passwd") + ".json")


class HastyClock(SystemClock):
    """What the transport waits for by the clock comes twenty times as soon; its files take the time that they take."""

    async def sleep(self, seconds: float) -> None:
        """Wait a twentieth of it."""
        await super().sleep(seconds / 20)


class Exchange:
    """A folder transport and its folder; `fails` makes the handler's ledger go away, for `stuck` until it is empty."""

    def __init__(self, folder: Path) -> None:
        self.inbox, self.outbox = folder / "inbox", folder / "outbox"
        self.transport = FolderTransport(folder, NODE, HastyClock(), SystemRandomness())
        self.grants: list[GrantLease] = []
        self.fails = 0
        self.stuck = set[int]()
        self.waits = 0

    async def take(self, grant: GrantLease) -> None:
        """A lease came."""
        if grant.seq in self.stuck:
            self.waits += 1
            raise Unavailable("the ledger is away")
        if self.fails:
            self.fails -= 1
            raise Unavailable("the ledger is away")
        self.grants.append(grant)

    @asynccontextmanager
    async def consuming(self) -> AsyncIterator[None]:
        """Consume for the length of the context."""
        route = Route(names.node_commands_queue(NODE), {GrantLease: self.take})
        task = asyncio.create_task(self.transport.consume(route))
        try:
            yield
            assert not task.done(), task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def put(self, name: str, content: str) -> None:
        """Put a file into the inbox."""
        self.inbox.mkdir(exist_ok=True)
        (self.inbox / name).write_text(content)

    def order(self, seq: int, node_id: str = NODE) -> None:
        """Put a lease into the inbox."""
        parcel = packed(GrantLease(node_id=node_id, boot=1, seq=seq, seconds=30, ledger_id="0" * 32), f"o{seq}")
        self.put(file_name(parcel), parcel.model_dump_json())


@pytest.fixture
def exchange(tmp_path: Path) -> Exchange:
    """An empty exchange folder."""
    return Exchange(tmp_path)


async def test_a_report_is_a_whole_file(exchange: Exchange) -> None:
    """Whoever carries it would bring half a report, or one that nobody can tell from another."""
    await exchange.transport.publish(change(7), message_id="ledger-7")
    await exchange.transport.publish(change(7), message_id="ledger-7")
    (path,) = exchange.outbox.iterdir()
    parcel = Parcel.model_validate_json(path.read_bytes())
    assert (path.name, parcel.type, parcel.body["number"]) == ("ledger-7.json", "node.account.v1", 7)


async def test_only_the_newest_heartbeat_stays(exchange: Exchange) -> None:
    """A folder that nobody empties would fill the disk with worthless beats."""
    for seq in (1, 2, 3):
        await exchange.transport.publish(beat(seq))
    (path,) = exchange.outbox.iterdir()
    assert Parcel.model_validate_json(path.read_bytes()).body["seq"] == 3


async def test_reports_beyond_the_bound_stay_in_the_ledger(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk of a node would fill while nobody comes by; its heartbeats still go out."""
    monkeypatch.setattr(folder, "MOST_WAITING", 20)
    exchange.outbox.mkdir()
    for number in range(20):
        (exchange.outbox / f"{number}.json").touch()
    with pytest.raises(PublishFailed, match="nobody fetches them"):
        await exchange.transport.publish(change(1), message_id="one-more")
    await exchange.transport.publish(beat(1))


async def test_an_order_is_deleted_when_it_was_handled(exchange: Exchange) -> None:
    """A crash between the two would lose the order."""
    exchange.fails = 1_000
    exchange.order(1)
    async with exchange.consuming():
        await until(lambda: exchange.fails < 1_000, "the handler has failed")
        assert list(exchange.inbox.iterdir())
        exchange.fails = 0
        await until(lambda: exchange.grants and not list(exchange.inbox.iterdir()), "it is handled and gone")
        exchange.order(2)
        await until(lambda: [grant.seq for grant in exchange.grants] == [1, 2], "the next one")


async def test_what_is_no_order_is_set_aside(exchange: Exchange) -> None:
    """One broken file would stop every order after it."""
    exchange.put("broken.json", '{"type": "node.gra')
    exchange.put("half.json.part", "{")
    exchange.order(1, node_id="another")
    exchange.order(2)
    async with exchange.consuming():
        await until(lambda: [grant.seq for grant in exchange.grants] == [2], "the good one")
        left = ["broken.json.refused", "half.json.part"]
        await until(lambda: sorted(path.name for path in exchange.inbox.iterdir()) == left, "the others")


async def test_an_order_that_waits_holds_up_no_lease(exchange: Exchange) -> None:
    """A full disk would stop every account: the next lease lies behind an order that waits for the ledger."""
    exchange.stuck = {1}
    exchange.order(1)
    async with exchange.consuming():
        await until(lambda: exchange.waits, "it waits")
        exchange.order(2)
        await until(lambda: [grant.seq for grant in exchange.grants] == [2], "the lease behind it")
        exchange.stuck = set()
        await until(lambda: not list(exchange.inbox.iterdir()), "both are handled and gone")
    assert [grant.seq for grant in exchange.grants] == [2, 1]
