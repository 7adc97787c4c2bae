"""The Randomness port: jitter, choices and new identifiers.

`SystemRandomness` is the machine's; `SeededRandomness` repeats itself exactly, so that a failing run of a
simulation is one command to run again.
"""

import random
import secrets
from collections.abc import Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Randomness(Protocol):
    """Dice, for whoever would otherwise roll them by itself."""

    def uniform(self, low: float, high: float) -> float:
        """A number between the two."""
        ...

    def choice(self, options: Sequence[T]) -> T:
        """One of the options."""
        ...

    def new_id(self, prefix: str = "") -> str:
        """A new identifier: the prefix and 32 hexadecimal digits."""
        ...


class SystemRandomness:
    """The machine's randomness."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()

    def uniform(self, low: float, high: float) -> float:
        """A number between the two."""
        return self._random.uniform(low, high)

    def choice(self, options: Sequence[T]) -> T:
        """One of the options."""
        return self._random.choice(options)

    def new_id(self, prefix: str = "") -> str:
        """128 bits that nobody can guess."""
        return prefix + secrets.token_hex(16)


class SeededRandomness:
    """Randomness that is the same for the same seed."""

    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(seed)

    def uniform(self, low: float, high: float) -> float:
        """A number between the two."""
        return self._random.uniform(low, high)

    def choice(self, options: Sequence[T]) -> T:
        """One of the options."""
        return self._random.choice(options)

    def new_id(self, prefix: str = "") -> str:
        """128 bits of the seeded sequence."""
        return f"{prefix}{self._random.getrandbits(128):032x}"

    def __deepcopy__(self, _: object) -> "SeededRandomness":
        """A twin that goes on alike. `copy` itself would take the 625 numbers of its state one by one."""
        twin = SeededRandomness(0)
        twin._random.setstate(self._random.getstate())
        return twin
