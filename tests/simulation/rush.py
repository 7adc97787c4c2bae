"""A rush: a few accounts are ordered about between a few nodes for three leases, while everything goes wrong at once.

It is the schedule to take by the thousand: no scripts and no calm, so that nearly every moment is one in which an
account changes hands or could. Each seed draws how many nodes and accounts there are, how long a lease is, how the
clocks go, where the logins are, how dense the troubles are, and how bad the network is; a message may be late by more
than a lease.
"""

import contextlib
import random
from functools import partial

from services.registry.domain.assignments import Takeover
from services.registry.domain.node import NodePolicy
from shared.contracts.assignments import AssignmentState
from shared.messaging import Unavailable
from tests.simulation.fleet import SimulatedFleet
from tests.simulation.moving import Move, keep_policies, misplaced
from tests.simulation.timing import Timing
from tests.simulation.troubles import Trouble, suffering
from tests.simulation.weather import Weather, clear_sky

# In leases: how long it goes on, and after how long every account has to be where it belongs. A takeover's patience
# is two of them, that for a state that was handed back is four.
SPAN = 3.0
SETTLED_WITHIN = 14.0
# In seconds. Shorter ones have more of the code's own pauses in a lease, longer ones more beats.
LEASES = (6.0, 6.0, 6.0, 12.0, 12.0, 30.0)
# What happens to a machine, how often, and for how many leases at most.
OF_MACHINES = {
    "is killed": (3, 1.8),
    "is killed and wiped": (1, 0.7),
    "is cut off": (4, 2.0),
    "is suspended": (2, 2.0),
    "is stopped": (3, 2.0),
}
# What happens to everybody together, whose trouble it is, and for how many leases at most.
OF_ALL = {
    ("broker", "is down"): 1.0,
    ("broker", "loses its disk"): 0.3,
    ("registry", "is killed"): 1.2,
    ("registry", "has no database"): 0.8,
    ("deployer", "is killed"): 1.5,
}


class Rush:
    """See the module's docstring. The same seed is the same rush."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        dice = self._dice = random.Random(f"rush {seed}")
        self.timing = Timing.of_lease(dice.choice(LEASES))
        self.nodes = dice.choice((2, 2, 2, 2, 2, 3, 3, 4))
        self.accounts = dice.choice((1, 1, 2)) if self.nodes == 2 else 1
        self.vault = dice.random() < 0.5
        self.takeover = dice.random() < 0.6
        self.paces = [dice.choice((0.8, 1.0, 1.2, dice.uniform(0.8, 1.2))) for _ in range(self.nodes)]
        late = self.timing.lease * dice.choice((0.1, 0.5, 1.3))
        lost, repeated = dice.choice((0.0, 0.05, 0.2)), dice.choice((0.0, 0.1, 0.3))
        self.weather = Weather(lost, repeated, dice.choice((0.0, 0.1, 0.4)), late)
        # Leases between two troubles of the same machine, at most.
        self.calm = dice.choice((0.5, 1.0, 2.0, 4.0))
        self.troubles = self._of_machines() + self._of_all()
        self.moves = self._moves()

    def __str__(self) -> str:
        paces = ", ".join(f"{pace:.2f}" for pace in self.paces)
        dead = "their accounts move" if self.takeover else "their accounts wait"
        logins = "the vault" if self.vault else "folders"
        first = (
            f"a lease is {self.timing.lease:g} s; logins in {logins}; clocks at the paces {paces}; of dead nodes {dead}"
        )
        return "\n".join([first, str(self.weather), *sorted(map(str, [*self.moves, *self.troubles]))])

    def fleet(self, *, aloud: bool = False) -> SimulatedFleet:
        """The fleet for it."""
        return SimulatedFleet(
            self.nodes,
            self.accounts,
            seed=self.seed,
            aloud=aloud,
            paces=self.paces,
            vault=self.vault,
            timing=self.timing,
            moves_only=True,
        )

    async def live_through(self, fleet: SimulatedFleet) -> None:
        """Begin, rush, and come to rest: then every account is online where it belongs, with its newest state."""
        await self._begin(fleet)
        self.weather.begin(fleet)
        async with suffering(fleet, self.troubles, partial(self._order, fleet), partial(self._speak, fleet)):
            pass
        clear_sky(fleet)
        await fleet.until(lambda: self._unsettled(fleet), within=SETTLED_WITHIN * self.timing.lease)
        await fleet.run_for(self.timing.beat)
        assert await misplaced(fleet) == []

    async def _begin(self, fleet: SimulatedFleet) -> None:
        """Every account has its node; most are on their way to be online."""
        await fleet.run_for(2.5)
        if self.vault:
            for machine in fleet.machines:
                for account_id in machine.accounts:
                    await fleet.upload(account_id)
            await fleet.run_for(2.0)
            for machine in fleet.machines:
                for account_id in machine.accounts:
                    assert await fleet.assign(account_id, machine.node_id)
        if self.takeover:
            await keep_policies(fleet, NodePolicy(takeover=Takeover.MOVE))
        await fleet.run_for(self._dice.uniform(0.0, self.timing.beat))

    async def _order(self, fleet: SimulatedFleet) -> None:
        began = fleet.clock.monotonic()
        for move in self.moves:
            await fleet.clock.sleep(max(0.0, began + move.at - fleet.clock.monotonic()))
            if fleet.registry.app is not None:
                # Whoever orders is told, and this one does not try again.
                with contextlib.suppress(Unavailable):
                    await fleet.assign(move.account_id, move.node_id)

    async def _speak(self, fleet: SimulatedFleet) -> None:
        dice, until = random.Random(self._dice.random()), fleet.clock.monotonic() + SPAN * self.timing.lease
        while fleet.clock.monotonic() < until:
            await fleet.clock.sleep(dice.uniform(0.1, self.timing.lease / 3))
            fleet.say(dice.randrange(self.nodes), "good morning")

    async def _unsettled(self, fleet: SimulatedFleet) -> list[str]:
        found = await misplaced(fleet)
        for machine in fleet.machines:
            for account_id in machine.accounts:
                if (await fleet.assignment(account_id)).state is AssignmentState.UNASSIGNED:
                    await fleet.assign(account_id, machine.node_id)
        return found

    def _of_machines(self) -> list[Trouble]:
        dice, lease, found = self._dice, self.timing.lease, []
        kinds = {kind: often for kind, (often, _) in OF_MACHINES.items()}
        if not self.vault:
            # A ledger that is lost before the vault has what a folder's login was handed back as takes it along.
            del kinds["is killed and wiped"]
        for machine in range(self.nodes):
            at = dice.uniform(0, self.calm) * lease
            while at < SPAN * lease:
                (what,) = dice.choices(list(kinds), list(kinds.values()))
                seconds = _up_to(dice, OF_MACHINES[what][1]) * lease
                found.append(Trouble(at, seconds, str(machine), what))
                at += seconds + dice.uniform(0.02, self.calm) * lease
        return found

    def _of_all(self) -> list[Trouble]:
        dice, lease, found = self._dice, self.timing.lease, {}
        for _ in range(dice.choice((0, 0, 1, 2))):
            whom, what = dice.choice(list(OF_ALL))
            at, seconds = dice.uniform(0, SPAN) * lease, _up_to(dice, OF_ALL[whom, what]) * lease
            # One trouble for each of them: a second one would end the first.
            found[whom] = Trouble(at, seconds, whom, what)
        return list(found.values())

    def _moves(self) -> list[Move]:
        dice, lease, found = self._dice, self.timing.lease, []
        accounts = [f"n{node}-a{each}" for node in range(self.nodes) for each in range(self.accounts)]
        nodes: list[str | None] = [f"n{node}" for node in range(self.nodes)]
        for account in accounts:
            at = dice.uniform(0, 1.0) * lease
            while at < SPAN * lease:
                found.append(Move(at, account, dice.choice([*nodes, *nodes, None])))
                # Every third order is a change of mind, before the one before it can have been followed.
                at += dice.uniform(0, 0.1) * lease if dice.random() < 1 / 3 else dice.uniform(0.1, 1.5) * lease
        return sorted(found, key=lambda move: move.at)


def _up_to(dice: random.Random, most: float) -> float:
    """As often short as long."""
    return most * (dice.uniform(0.01, 0.2) if dice.random() < 0.5 else dice.uniform(0.5, 1.0))
