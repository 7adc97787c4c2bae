"""The model says of the real rules what they are: random walks through it, taken by the services' own domain code too.

Beside every machine of the model stand the agent's real lease and real set of assignments, beside its registry the real
rows and sets. After every step both must say the same: which set a machine goes by, whether it may run and start, what
it says that it has given back, whose the account is and in which epoch.
"""

import random
import re
from datetime import UTC, datetime

import pytest

from services.node_agent.domain.assignments import Assignments, Verdict
from services.node_agent.domain.lease import Lease
from services.registry.domain.assignments import Assignment, Event, GivenBack, LeaseOver, Ordered, Origin
from services.registry.domain.board import Board
from services.registry.domain.node import StoredNode
from shared.contracts.assignments import (
    AssignAccounts,
    AssignedAccount,
    AssignmentSet,
    AssignmentState,
    assignments_digest,
)
from tests.model.agent import MARGIN
from tests.model.protocol import Bounds, Protocol
from tests.model.world import NOBODY, NONE, Machine, Phase, Row, Standing

WALKS, STEPS = 300, 120
BOUNDS = Bounds(moves=6, crashes=3, drift=1)
NODES = "ab"
ACCOUNT, HASH = "ana", "sha256:" + "a" * 64
AT = datetime(2026, 1, 1, tzinfo=UTC)
TICK = 10.0
# The model's margin is a whole tick, the agent's a tenth of the lease: less is granted, so that both end in one tick.
GRANTED = {3: 2 * TICK, 2: TICK}
STANDING = {
    Standing.UNASSIGNED: AssignmentState.UNASSIGNED,
    Standing.ASSIGNED: AssignmentState.ASSIGNED,
    Standing.RELEASING: AssignmentState.RELEASING,
}


class RealAgent:
    """The agent's rules beside a machine of the model. `now` is its own clock."""

    def __init__(self, boot: int) -> None:
        self.boot = boot
        self.now = 0.0
        self.seq = 0
        self.lease = Lease(boot)
        self.assignments = Assignments()
        # The revision that the newest beat went by.
        self.went_by = 0

    def beats(self) -> int | None:
        """Send a beat; the epoch that it says is given back."""
        self.seq += 1
        self.lease.beat_sent(self.seq, self.now)
        self.went_by = self.assignments.named.revision
        return next((each.epoch for each in self.assignments.released()), None)

    def may_start(self) -> bool:
        """Whether the idle agent would start the account, whose login it has."""
        starts = self.assignments.judge(ACCOUNT, None, has_login=True) is Verdict.START
        return starts and self.lease.may_run(self.now)

    def gives_back(self) -> None:
        """What is to be given back and does not run is, at once."""
        for each in self.assignments.to_give_back():
            self.assignments.give_back(each, HASH)


class RealRegistry:
    """The registry's rows beside those of the model. `told` has the node's set in each revision."""

    def __init__(self) -> None:
        self.nodes = {"a": StoredNode("a"), "b": StoredNode("b", assignment_revision=1)}
        self.row = Assignment(ACCOUNT, origin=Origin.VAULT, in_vault=HASH, vault_at=AT)
        self.told = {("b", 1): AssignAccounts(node_id="b", revision=1)}
        self.takes(Ordered("a"))

    def takes(self, event: Event) -> None:
        """Let something happen, in one transaction."""
        board = Board(self.nodes, {ACCOUNT: self.row}, AT)
        board.apply(ACCOUNT, event)
        row = board.row(ACCOUNT)
        assert row is not None
        self.row = row
        entries: dict[str, list[AssignedAccount]] = {} if row.entry is None else {str(row.node_id): [row.entry]}
        for node_id, changed in board.sets(entries).items():
            self.nodes[node_id] = changed.node
            self.told[node_id, changed.node.assignment_revision] = changed.told


class Walk:
    """One random walk of both."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._protocol = Protocol(BOUNDS)
        self.office, machines = self._protocol.beginning()
        self.machines = list(machines)
        self.registry = RealRegistry()
        self.agents = [RealAgent(1), RealAgent(1)]
        self._late: dict[tuple[str, int], int] = {}
        self.taken: list[str] = []

    def go(self) -> None:
        """Take a step, and compare."""
        match self._dice.random():
            case chance if chance < 0.12:
                self._tick()
            case chance if chance < 0.2:
                self._alone()
            case _:
                self._together(self._dice.randrange(2))
        self._compare()

    def _tick(self) -> None:
        self.office = self._protocol.ticked(self.office)
        for number, before in enumerate(self.machines):
            passed = list(self._protocol.passed(self.office, number, before))
            words, self.office, self.machines[number] = self._dice.choice(passed)
            if "misses" not in words:
                self.agents[number].now += TICK
            if "killed" in words:
                self._reborn(number, before)
        self.taken.append("a tick")

    def _alone(self) -> None:
        if steps := list(self._protocol.alone(self.office)):
            before = self.office.row
            words, self.office = self._dice.choice(steps)
            self.taken.append(words)
            self._really(words, before)

    def _really(self, words: str, before: Row) -> None:
        if found := re.search(r"operator moves the account to (.)", words):
            self.registry.takes(Ordered(found[1].lower()))
        elif "operator takes" in words:
            self.registry.takes(Ordered(None))
        elif found := re.search(r"late beat of (.): epoch (\d+)", words):
            node_id, epoch = found[1].lower(), int(found[2])
            self.registry.takes(GivenBack(node_id, epoch, self._late[node_id, epoch], HASH))
        elif "has ended" in words:
            node = NODES[before.node]
            other = "b" if node == "a" else "a"
            leave = [Ordered(other)] if before.standing == Standing.ASSIGNED else []
            for order in leave:
                self.registry.takes(order)
            self.registry.takes(LeaseOver(node))

    def _together(self, number: int) -> None:
        before, agent = self.machines[number], self.agents[number]
        starts = [words for words, _, _ in self._protocol.together(self.office, number, before) if "starts in" in words]
        if before.phase == Phase.IDLE:
            assert agent.may_start() == bool(starts), self.taken
        steps = list(self._protocol.together(self.office, number, before))
        words, self.office, self.machines[number] = self._dice.choice(steps)
        self.taken.append(words)
        self._agent_does(words, number, before)

    def _agent_does(self, words: str, number: int, before: Machine) -> None:
        agent, after, node_id = self.agents[number], self.machines[number], NODES[number]
        if after.phase == Phase.IDLE:
            agent.gives_back()
        if re.search(r"^[AB] beats", words):
            assert agent.beats() == (None if after.beats[-1].released == NONE else after.beats[-1].released)
        elif "R judges" in words and not before.beats[0].stale and (epoch := before.beats[0].released) != NONE:
            self.registry.takes(GivenBack(node_id, epoch, agent.went_by, HASH))
        elif found := re.search(r"takes a grant that names revision (\d+)", words):
            named = self._name_of(node_id, int(found[1]))
            agent.lease.grant(agent.boot, agent.seq, GRANTED[self.office.ticks])
            agent.assignments.granted(agent.seq, named)
        elif found := re.search(r"is told revision (\d+)", words):
            agent.assignments.take(self.registry.told[node_id, int(found[1])])
            if after.phase == Phase.IDLE:
                agent.gives_back()
        elif "is killed" in words:
            self._reborn(number, before)

    def _reborn(self, number: int, before: Machine) -> None:
        if before.beats and not before.beats[-1].stale:
            self._late[NODES[number], before.beats[-1].released] = self.agents[number].went_by
        self.agents[number] = RealAgent(self.agents[number].boot + 1)

    def _name_of(self, node_id: str, revision: int) -> AssignmentSet:
        told = self.registry.told[node_id, revision]
        return AssignmentSet(revision=revision, digest=assignments_digest(told.accounts, told.excluded))

    def _compare(self) -> None:
        row, real = self.office.row, self.registry.row
        node = None if row.node == NOBODY else NODES[row.node]
        target = None if row.target == NOBODY else NODES[row.target]
        stands = (real.state, real.epoch, real.node_id, real.target)
        assert stands == (STANDING[row.standing], row.epoch, node, target), self.taken
        for number, (machine, agent) in enumerate(zip(self.machines, self.agents, strict=True)):
            revision = self.office.nodes[number].revision
            assert self.registry.nodes[NODES[number]].assignment_revision == revision, self.taken
            assert agent.assignments.named.revision == machine.view, self.taken
            assert agent.lease.may_run(agent.now) == (machine.lease > MARGIN), self.taken
            if machine.phase in (Phase.STARTING, Phase.LIVE):
                assert agent.assignments.may_run(ACCOUNT, machine.epoch), self.taken


@pytest.mark.parametrize("first", range(0, WALKS, 100))
def test_the_real_rules_walk_with_the_model(first: int) -> None:
    """What the search shows of the model would say nothing of the code."""
    starts = moves = 0
    for seed in range(first, first + 100):
        walk = Walk(seed)
        for _ in range(STEPS):
            walk.go()
        starts += sum("starts in" in words for words in walk.taken)
        moves += sum("moves" in words for words in walk.taken)
    assert starts > 100 and moves > 100, "the walks would come to nothing"
