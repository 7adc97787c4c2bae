"""What the origin remembers of tokens, by their hashes, for a while: whose they are, and which have been good.

The registry's answer is kept for `KEEP_SECONDS`; so long does a revoked token live on. Bounded: what came last is kept.
Pure; time is handed in.
"""

from collections import OrderedDict
from typing import Generic, TypeVar

from shared.contracts.roles import Actor

Value = TypeVar("Value")

# A page asks for ten things at once; an operator revokes a token because somebody else has it.
KEEP_SECONDS = 3.0
# A token that was good within the hour is no guess.
GOOD_SECONDS = 3600.0
MOST_TOKENS = 10_000


class KnownTokens:
    """Answers of the registry. None is its answer, too: the token is nobody's, has ended or was revoked."""

    def __init__(self) -> None:
        self._answers = _Kept[Actor | None](KEEP_SECONDS)
        self._good = _Kept[Actor](GOOD_SECONDS)

    def knows(self, hash_: str, now: float) -> bool:
        """Whether it was answered a moment ago."""
        return self._answers.has(hash_, now)

    def whose(self, hash_: str, now: float) -> Actor | None:
        """What was answered a moment ago."""
        return self._answers.get(hash_, now)

    def learn(self, hash_: str, actor: Actor | None, now: float) -> None:
        """Keep an answer."""
        self._answers.put(hash_, actor, now)
        if actor is None:
            self._good.drop(hash_)
        else:
            self._good.put(hash_, actor, now)

    def was_good(self, hash_: str, now: float) -> bool:
        """Whether it has let somebody in within the last hour, and nothing was heard against it since."""
        return self._good.has(hash_, now)


class _Kept(Generic[Value]):
    """Values by key, each for some seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._values: OrderedDict[str, tuple[float, Value]] = OrderedDict()

    def has(self, key: str, now: float) -> bool:
        return key in self._values and now - self._values[key][0] < self._seconds

    def get(self, key: str, now: float) -> Value | None:
        return self._values[key][1] if self.has(key, now) else None

    def put(self, key: str, value: Value, now: float) -> None:
        self._values[key] = now, value
        self._values.move_to_end(key)
        if len(self._values) > MOST_TOKENS:
            self._values.popitem(last=False)

    def drop(self, key: str) -> None:
        self._values.pop(key, None)
