"""The tables of docs/accounts.md, as the tests read them."""

import re
from dataclasses import dataclass
from pathlib import Path

from services.node_agent.domain.telegram import TelegramTrouble
from tests.support.tables import table

TEXT = (Path(__file__).parents[2] / "docs" / "accounts.md").read_text()


@dataclass(frozen=True)
class Said:
    """What Telegram says, what it means here, and what helps."""

    name: str
    meaning: str
    kind: str
    helps: str

    @property
    def is_named(self) -> bool:
        """Whether it is an error of Telegram's with a name of its own, or a number of its transport's."""
        return re.fullmatch(r"-?[A-Z0-9_]+", self.name) is not None


@dataclass(frozen=True)
class Follows:
    """What a kind of trouble leads to."""

    connecting: str
    again: str
    speaking: str
    message: str


def everything_said() -> list[Said]:
    """The first table."""
    return [Said(*row) for row in table(TEXT, "Telegram says")]


def everything_that_follows() -> dict[str, Follows]:
    """The second table, by kind."""
    return {kind: Follows(*rest) for kind, *rest in table(TEXT, "kind")}


def in_words(kind: type[TelegramTrouble]) -> str:
    """A kind as the tables write it."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", kind.__name__).lower()
