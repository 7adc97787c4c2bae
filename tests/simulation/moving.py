"""A day on which accounts move: orders of an operator, takeovers of dead nodes, and everything that goes wrong besides.

The clocks of the machines go wrong too, each at a pace of its own: by up to a fifth, which over a lease of thirty
seconds is as much as the registry's margin of ten can bear.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, replace

from services.registry.domain.assignments import Takeover
from services.registry.domain.node import NodePolicy
from shared.contracts.assignments import AssignmentState
from tests.simulation.fleet import SimulatedFleet
from tests.simulation.schedule import NODES, SPAN, Schedule
from tests.simulation.troubles import TROUBLES, Trouble

ACCOUNTS = 2
MOST_MOVES = 12
PACES = (0.8, 1.2)
MACHINES = TROUBLES["machine"] | {"is stopped": 60.0}


@dataclass(frozen=True)
class Move:
    """An order of the operator."""

    at: float
    account_id: str
    node_id: str | None

    def __str__(self) -> str:
        return f"{self.at:6.1f} s: {self.account_id} is ordered to {self.node_id or 'no node'}"


class MovingDay(Schedule):
    """See the module's docstring. The same seed is the same day."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        dice = random.Random(f"moves {seed}")
        accounts = [f"n{node}-a{each}" for node in range(NODES) for each in range(ACCOUNTS)]
        nodes = [f"n{node}" for node in range(NODES)]
        self.moves = sorted(
            (
                Move(dice.uniform(0, SPAN), dice.choice(accounts), dice.choice(nodes))
                for _ in range(dice.randint(3, MOST_MOVES))
            ),
            key=lambda move: move.at,
        )
        self.paces = [dice.uniform(*PACES) for _ in nodes]
        self.takeover = dice.random() < 0.5
        self.vault = dice.random() < 0.5
        if not self.vault:
            # A ledger that is lost before the vault has what a folder's login was handed back as takes it along.
            self.troubles = [replace(each, what=each.what.removesuffix(" and wiped")) for each in self.troubles]
        self.troubles = [each if each.what != "is suspended" else _stopped(each, dice) for each in self.troubles]
        self.deployments = self.deployments[:1]

    def __str__(self) -> str:
        paces = ", ".join(f"{pace:.2f}" for pace in self.paces)
        dead = "their accounts move" if self.takeover else "their accounts wait"
        logins = "the vault" if self.vault else "folders"
        first = f"logins in {logins}; clocks at the paces {paces}; of dead nodes {dead}"
        return "\n".join([first, *map(str, self.moves), super().__str__()])

    async def begin(self, fleet: SimulatedFleet) -> None:
        """Everybody is where they belong."""
        await fleet.run_for(10)
        if self.vault:
            for machine in fleet.machines:
                for account_id in machine.accounts:
                    await fleet.upload(account_id)
                    await fleet.run_for(1)
                    assert await fleet.assign(account_id, machine.node_id)
            await fleet.run_for(10)

    async def play(self, fleet: SimulatedFleet) -> None:
        """Live through the day; orders that nobody can take at that moment are given again."""
        if self.takeover:
            await keep_policies(fleet, NodePolicy(takeover=Takeover.MOVE))
        orders = asyncio.create_task(self._order(fleet))
        try:
            await super().play(fleet)
            while not orders.done():
                await fleet.run_for(1.0)
            orders.result()
        finally:
            orders.cancel()

    async def _order(self, fleet: SimulatedFleet) -> None:
        for move in self.moves:
            await fleet.clock.sleep(max(0.0, move.at - fleet.clock.monotonic()))
            while fleet.registry.app is None or fleet.registry_store.fail_with is not None:
                await fleet.clock.sleep(1.0)
            assert await fleet.assign(move.account_id, move.node_id)


def _stopped(trouble: Trouble, dice: random.Random) -> Trouble:
    return trouble if dice.random() < 0.5 else Trouble(trouble.at, trouble.seconds, trouble.whom, "is stopped")


async def keep_policies(fleet: SimulatedFleet, policy: NodePolicy) -> None:
    """Want this of every node."""
    async with fleet.registry_store.begin() as transaction:
        nodes = await transaction.lock_nodes(machine.node_id for machine in fleet.machines)
        await transaction.save_policies([replace(node, policy=policy) for node in nodes.values()])


async def misplaced(fleet: SimulatedFleet) -> list[str]:
    """Accounts that are not online on the node that has them, and on no other."""
    found = []
    for machine in fleet.machines:
        for account_id in machine.accounts:
            row, where = await fleet.assignment(account_id), fleet.telegram.where(account_id)
            if row.state is not AssignmentState.ASSIGNED:
                found.append(f"{account_id} is {row.state} on {row.node_id}, next {row.target}: {row.reason}")
            elif where is None or where.node_id != row.node_id:
                found.append(f"{account_id} is {row.node_id}'s and live on {where.node_id if where else 'nothing'}")
    return found


def answered_twice(fleet: SimulatedFleet) -> list[str]:
    """Messages that an account has answered twice, whatever became of the node that knew of it."""
    answers = Counter((said.sender_id, said.reply_to) for said in fleet.telegram.said if said.reply_to is not None)
    return [
        f"user {user} has answered message {message} {count} times"
        for (user, message), count in answers.items()
        if count > 1
    ]
