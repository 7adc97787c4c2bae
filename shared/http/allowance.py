"""So much a minute for each name, in bounded memory: a bucket for each of the names that came last."""

import time
from collections import OrderedDict
from collections.abc import Callable


class Allowance:
    """Each name may take `burst` at once and `per_minute` on average; the `most` names that came last are counted."""

    def __init__(
        self, burst: int, per_minute: float, most: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._a_second = per_minute / 60
        self._most = most
        self._monotonic = monotonic
        # What each name had left, and when that was.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, count: int = 1) -> bool:
        """Take so many, or none; whether there were so many."""
        left = self.left(name)
        self._left[name] = (left - count if left >= count else left, self._monotonic())
        self._left.move_to_end(name)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
        return left >= count

    def left(self, name: str) -> float:
        """How many the name may take now."""
        left, at = self._left.get(name, (float(self._burst), 0.0))
        return min(self._burst, left + (self._monotonic() - at) * self._a_second)

    def seconds_to_one(self, name: str) -> float:
        """How long until the name may take one."""
        return self.seconds_to(name, 1)

    def seconds_to(self, name: str, count: int) -> float:
        """How long until the name may take so many, which must be no more than the burst."""
        return max(0.0, (count - self.left(name)) / self._a_second)
