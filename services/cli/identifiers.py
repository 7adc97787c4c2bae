"""The ids that an operator types, checked before anything is asked: by the patterns that every door has.

An id of another form cannot exist anywhere, so the answer is which form an id has and what lists them, not "there is
no such thing".
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from services.cli.failures import CommandFailed, ExitCode
from shared.contracts.identifiers import (
    ACCOUNT_ID_PATTERN,
    DEAD_LETTER_ID_PATTERN,
    DEPLOYMENT_ID_PATTERN,
    HASH_PATTERN,
    IN_WORDS,
    NODE_ID_PATTERN,
    SCRIPT_ID_PATTERN,
    SERVER_ID_PATTERN,
    TOKEN_ID_PATTERN,
    TOKEN_NAME_PATTERN,
)

# In a path these mean the folder itself and the one above it.
_DOTS = (".", "..")


@dataclass(frozen=True)
class IdKind:
    """What an id belongs to, its pattern, and the command that shows which there are."""

    of: str
    pattern: str
    listed_by: str
    noun: str = " id"

    def checked(self, text: str) -> str:
        """The id. Raises CommandFailed that says which form one has."""
        if re.fullmatch(self.pattern, text) and text not in _DOTS:
            return text
        form = IN_WORDS[self.pattern] + (", and not dots alone" if text in _DOTS else "")
        sentence = f"{text!r} is no {self.of}{self.noun}, which is {form}: `{self.listed_by}` shows them"
        raise CommandFailed(ExitCode.REFUSED, sentence)

    def all_checked(self, texts: Iterable[str]) -> list[str]:
        """The ids. Raises CommandFailed for the first that is none."""
        return [self.checked(text) for text in texts]

    def missing(self, text: str) -> str:
        """The sentence for an id of the right form that nothing has."""
        return f"there is no {self.of} {text!r}: `{self.listed_by}` shows which there are"


NODE = IdKind("node", NODE_ID_PATTERN, "callboard nodes")
ACCOUNT = IdKind("account", ACCOUNT_ID_PATTERN, "callboard accounts")
SCRIPT = IdKind("script", SCRIPT_ID_PATTERN, "callboard scripts")
DEPLOYMENT = IdKind("deployment", DEPLOYMENT_ID_PATTERN, "callboard deployments")
SERVER = IdKind("server", SERVER_ID_PATTERN, "callboard servers")
DEAD_LETTER = IdKind("dead letter", DEAD_LETTER_ID_PATTERN, "callboard dead")
TOKEN = IdKind("token", TOKEN_ID_PATTERN, "callboard tokens")
TOKEN_NAME = IdKind("token's name", TOKEN_NAME_PATTERN, "callboard tokens", noun="")
PLAN_HASH = IdKind("plan's hash", HASH_PATTERN, "callboard deployments show ID --plan", noun="")
