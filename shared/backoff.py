"""How long to wait before trying again."""

from dataclasses import dataclass

from shared.randomness import Randomness


@dataclass(frozen=True)
class Backoff:
    """Seconds before the n-th retry: `first * factor**n`, at most `most`, spread by ±`jitter` of itself.

    With the jitter, many do not come at once.
    """

    first: float = 1.0
    factor: float = 2.0
    most: float = 60.0
    jitter: float = 0.2

    def delay(self, attempt: int, randomness: Randomness) -> float:
        """The wait in seconds before retry number `attempt`, counted from 0."""
        # The exponent is bounded before it is raised: 2.0**2000 is an OverflowError, not a long wait.
        plain = min(self.most, self.first * self.factor ** min(attempt, 63))
        return plain * randomness.uniform(1 - self.jitter, 1 + self.jitter)
