"""The campaigns: rollouts to every agent, each disturbed at random moments of its own time.

`erase` takes the broker's disk once in each rollout. `kills` ends registry, deployer and hosts of agents with SIGKILL,
three times in each rollout, and every second time takes the broker's disk as well. After each rollout every delivery
must be verified within a minute of the last fault's end, with one final result, and nobody has lifted a finger.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.campaigns.many import ManyAgents

WITHIN_SECONDS = 60.0
GIVE_UP_SECONDS = 300.0
KILLS_A_RUN = 3


@dataclass
class Run:
    """One rollout: what was done to it, and how it ended. `seconds` is None when it did not end in time to wait."""

    number: int
    deliveries: int
    kills: int
    erased: int
    at_seconds: str
    seconds: float | None
    lost: int
    doubled: int

    @property
    def passed(self) -> bool:
        """Whether it ended as promised."""
        return self.seconds is not None and self.seconds <= WITHIN_SECONDS and not self.lost and not self.doubled


class Campaign:
    """Rollouts under faults; `dice` decides all of it."""

    def __init__(self, fleet: ManyAgents, dice: random.Random) -> None:
        self._fleet = fleet
        self._dice = dice
        self._version = 0
        self._usual = 0.0

    async def measure_undisturbed(self) -> float:
        """Seconds that a rollout takes when nothing happens to it: the span for the moments of the faults."""
        deployment = await self._roll_out()
        seconds = await self._fleet.seconds_until_verified(deployment, GIVE_UP_SECONDS)
        if seconds is None:
            raise RuntimeError(f"an undisturbed rollout is not verified after {GIVE_UP_SECONDS:.0f} s")
        self._usual = seconds
        return seconds

    async def erase(self, number: int) -> Run:
        """One rollout, in which the broker's disk is erased."""
        return await self._disturbed(number, [self._fleet.erase_broker], erased=1)

    async def kill(self, number: int) -> Run:
        """One rollout with three kills, and every second time an erased disk."""
        victims = self._dice.sample(["registry", "deployer", *self._fleet.hosts], k=KILLS_A_RUN)
        faults = [self._killed(victim) for victim in victims]
        erased = number % 2
        if erased:
            faults.insert(self._dice.randrange(len(faults) + 1), self._fleet.erase_broker)
        return await self._disturbed(number, faults, kills=KILLS_A_RUN, erased=erased)

    async def _disturbed(
        self, number: int, faults: list[Callable[[], Awaitable[None]]], *, kills: int = 0, erased: int = 0
    ) -> Run:
        moments = sorted(self._dice.uniform(0, self._usual) for _ in faults)
        deployment = await self._roll_out()
        elapsed = 0.0
        for moment, fault in zip(moments, faults, strict=True):
            await asyncio.sleep(moment - elapsed)
            elapsed = moment
            await fault()
        seconds = await self._fleet.seconds_until_verified(deployment, GIVE_UP_SECONDS)
        return Run(
            number,
            len(self._fleet.nodes),
            kills,
            erased,
            ", ".join(f"{moment:.1f}" for moment in moments),
            seconds,
            await self._fleet.lost(deployment),
            await self._fleet.doubled(deployment),
        )

    def _killed(self, victim: str) -> Callable[[], Awaitable[None]]:
        async def kill() -> None:
            await self._fleet.kill(victim)
            await asyncio.sleep(self._dice.uniform(0, 0.5))
            await self._fleet.start_again(victim)

        return kill

    async def _roll_out(self) -> str:
        self._version += 1
        # Every second one in groups: what a group waits for must survive as well.
        return await self._fleet.roll_out(self._version, in_groups=self._version % 2 == 0)
