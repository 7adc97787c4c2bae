"""How the intake of heartbeats fares, for the one who judges leases: noted batch by batch, read at each sweep."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.registry.domain.verdicts import IntakeSample
from shared.clock import Clock


class IntakeHealth:
    """`consuming` and `backlog` look at the consumer of the heartbeats' queue."""

    def __init__(self, clock: Clock, consuming: Callable[[], bool], backlog: Callable[[], int]) -> None:
        self._clock = clock
        self._consuming = consuming
        self._backlog = backlog
        self._failed = False
        self._in_work: list[float] = []

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Around the recording of a batch: failed if it raises."""
        started = self._clock.monotonic()
        self._in_work.append(started)
        try:
            yield
            self._failed = False
        except BaseException:
            self._failed = True
            raise
        finally:
            self._in_work.remove(started)

    def sample(self) -> IntakeSample:
        """The intake now."""
        now = self._clock.monotonic()
        return IntakeSample(
            at=now,
            consuming=self._consuming(),
            backlog=self._backlog(),
            last_batch_failed=self._failed,
            busy_seconds=now - min(self._in_work, default=now),
        )
