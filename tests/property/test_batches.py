"""Batches of heartbeats in any order, with duplicates, through the use case on the in-memory store."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.lease import Granted
from services.registry.domain.views import AccountPlace, AccountQuestion
from services.registry.store.in_memory import InMemoryStore
from services.registry.use_cases.intake_health import IntakeHealth
from services.registry.use_cases.record_heartbeats import RecordHeartbeats
from services.registry.use_cases.settle_reports import SettleReports
from shared.clock import VirtualClock
from shared.contracts.accounts import AccountReport
from shared.contracts.heartbeats import HeartbeatReported
from tests.unit.registry.builders import PATIENCE, account, beat

ACCOUNTS = ("a", "b", "c", "d")


@dataclass
class Node:
    """An agent that sends everything touched since the beat it builds on."""

    accounts: dict[str, AccountReport] = field(default_factory=dict)
    touched: dict[str, int] = field(default_factory=dict)
    seq: int = 0

    def beat(self, base: int | None) -> HeartbeatReported:
        """The next beat, on the state of the beat `base`."""
        self.seq += 1
        since = [each for each, seq in self.touched.items() if base is None or seq > base]
        changed = [self.accounts[each] for each in since if each in self.accounts]
        removed = [each for each in since if each not in self.accounts and base is not None]
        return beat(self.seq, *changed, base=base, removed=removed)

    def touch(self, account_id: str, count: int) -> None:
        """Change an account; with 0 it is removed."""
        self.touched[account_id] = self.seq + 1
        if count:
            self.accounts[account_id] = account(account_id, message_count=count)
        else:
            self.accounts.pop(account_id, None)


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[Node, list[list[HeartbeatReported]]]:
    """A node's life, and its beats in batches as a bad network brings them: in any order, some of them twice."""
    node = Node()
    beats: list[HeartbeatReported] = []
    for seq in range(1, draw(st.integers(1, 7)) + 1):
        for account_id in draw(st.lists(st.sampled_from(ACCOUNTS), max_size=3)):
            node.touch(account_id, draw(st.integers(0, 9)))
        base = draw(st.integers(max(1, seq - 3), seq - 1)) if seq > 1 and draw(st.booleans()) else None
        beats.append(node.beat(base))
    repeated = draw(st.lists(st.sampled_from(beats), max_size=4))
    arrivals = draw(st.permutations(beats + repeated))
    batches: list[list[HeartbeatReported]] = [[]]
    for arrival in arrivals:
        if draw(st.booleans()) and batches[-1]:
            batches.append([])
        batches[-1].append(arrival)
    return node, batches


@given(deliveries())
async def test_order_and_duplicates_do_not_matter(delivery: tuple[Node, list[list[HeartbeatReported]]]) -> None:
    """A late or repeated beat would leave rows that the node does not have, or take away rows that it has."""
    node, batches = delivery
    store = InMemoryStore(VirtualClock())
    record = recorder(store)
    answers = [answer for batch in batches for answer in await record(batch)]
    last = [answer.grant for answer in answers if isinstance(answer, Granted)][-1]
    if last.full_report:
        await record([node.beat(None)])
    assert await rows(store) == {each: report.message_count for each, report in node.accounts.items()}


def recorder(store: InMemoryStore) -> RecordHeartbeats:
    """The use case on a store."""
    clock = VirtualClock()
    health = IntakeHealth(clock, lambda: True, lambda: 0)
    return RecordHeartbeats(store, health, SettleReports(PATIENCE), clock, lease_seconds=30, wake=lambda: None)


async def rows(store: InMemoryStore) -> dict[str, int]:
    """Each account's counter."""
    views = await store.accounts(AccountQuestion(), AccountPlace(), 100)
    return {view.account_id: view.message_count for view in views}
