"""What follows from a trouble, decided by its kind alone.

For the account, when it could not be connected or its connection has ended (`after_connection`):

| trouble          | what the account does                                          |
| ---------------- | -------------------------------------------------------------- |
| Unreachable      | reconnect                                                      |
| Unanswered       | reconnect                                                      |
| ServerTrouble    | reconnect                                                      |
| FloodWait        | rest, waiting, for as long as Telegram says                    |
| ChatWait         | reconnect                                                      |
| ChatForbidden    | reconnect                                                      |
| Limited          | reconnect                                                      |
| Refused          | reconnect                                                      |
| DeadLogin        | end                                                            |
| SuspectLogin     | doubt                                                          |
| UnusableSession  | end                                                            |

For the account and for what it was saying, when one message or reaction went wrong (`after_saying`):

| trouble          | the account                                       | the message |
| ---------------- | ------------------------------------------------- | ----------- |
| Unreachable      | leave                                             | not said    |
| Unanswered       | leave                                             | uncertain   |
| ServerTrouble    | pause, 10 s                                       | uncertain   |
| FloodWait        | rest, waiting, for as long as Telegram says       | not said    |
| ChatWait         | hold chat, for as long as Telegram says           | not said    |
| ChatForbidden    | hold chat, 600 s                                  | refused     |
| Limited          | rest, limited, 3600 s                             | refused     |
| Refused          | go on                                             | refused     |
| DeadLogin        | leave                                             | not said    |
| SuspectLogin     | leave                                             | uncertain   |
| UnusableSession  | leave                                             | not said    |

What was not said keeps its place, what is uncertain is said again under its random id, what was refused is dropped.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from services.node_agent.domain.account_states import LIMITED, WAITING
from services.node_agent.domain.telegram import (
    ChatForbidden,
    ChatWait,
    DeadLogin,
    FloodWait,
    Limited,
    Refused,
    ServerTrouble,
    SuspectLogin,
    TelegramTrouble,
    Unanswered,
    Unreachable,
    UnusableSession,
)
from shared.contracts.accounts import AccountStatus

# PEER_FLOOD names no time. Reports of other operators say hours; asking earlier makes it worse.
LIMITED_SECONDS = 3600.0
# Rights in a chat do not come back by themselves; somebody has to change them.
FORBIDDEN_SECONDS = 600.0
# Telegram's own troubles last seconds, or much longer; the queue's rule for late messages ends the asking.
TROUBLED_SECONDS = 10.0


@dataclass(frozen=True)
class Reconnect:
    """Connect anew, after a pause."""


@dataclass(frozen=True)
class Doubt:
    """Connect anew a few times, then end: the key may be known again in a moment."""


@dataclass(frozen=True)
class End:
    """Error: nothing is tried again until the session file changes."""


@dataclass(frozen=True)
class Rest:
    """Say nothing for so long; shown as `status`."""

    status: AccountStatus
    seconds: float


@dataclass(frozen=True)
class Leave:
    """The connection is of no more use; `after_connection` says what next."""


@dataclass(frozen=True)
class HoldChat:
    """Say nothing in that chat for so long, and go on elsewhere."""

    seconds: float


@dataclass(frozen=True)
class Pause:
    """Say nothing for a moment that is not worth showing."""

    seconds: float


@dataclass(frozen=True)
class GoOn:
    """Nothing follows for the account."""


class Fate(StrEnum):
    """What is known of a message that went wrong."""

    NOT_SAID = "not said"
    UNCERTAIN = "uncertain"
    REFUSED = "refused"


AfterConnection = Reconnect | Doubt | End | Rest
AfterSaying = Leave | Rest | HoldChat | Pause | GoOn


@dataclass(frozen=True)
class Verdict:
    """What the account does, and what becomes of the message."""

    account: AfterSaying
    message: Fate


_AFTER_CONNECTION: Mapping[type[TelegramTrouble], Callable[[Any], AfterConnection]] = {
    Unreachable: lambda trouble: Reconnect(),
    Unanswered: lambda trouble: Reconnect(),
    ServerTrouble: lambda trouble: Reconnect(),
    FloodWait: lambda trouble: Rest(WAITING, trouble.seconds),
    ChatWait: lambda trouble: Reconnect(),
    ChatForbidden: lambda trouble: Reconnect(),
    Limited: lambda trouble: Reconnect(),
    Refused: lambda trouble: Reconnect(),
    DeadLogin: lambda trouble: End(),
    SuspectLogin: lambda trouble: Doubt(),
    UnusableSession: lambda trouble: End(),
}
_AFTER_SAYING: Mapping[type[TelegramTrouble], Callable[[Any], Verdict]] = {
    Unreachable: lambda trouble: Verdict(Leave(), Fate.NOT_SAID),
    Unanswered: lambda trouble: Verdict(Leave(), Fate.UNCERTAIN),
    ServerTrouble: lambda trouble: Verdict(Pause(TROUBLED_SECONDS), Fate.UNCERTAIN),
    FloodWait: lambda trouble: Verdict(Rest(WAITING, trouble.seconds), Fate.NOT_SAID),
    ChatWait: lambda trouble: Verdict(HoldChat(trouble.seconds), Fate.NOT_SAID),
    ChatForbidden: lambda trouble: Verdict(HoldChat(FORBIDDEN_SECONDS), Fate.REFUSED),
    Limited: lambda trouble: Verdict(Rest(LIMITED, LIMITED_SECONDS), Fate.REFUSED),
    Refused: lambda trouble: Verdict(GoOn(), Fate.REFUSED),
    DeadLogin: lambda trouble: Verdict(Leave(), Fate.NOT_SAID),
    SuspectLogin: lambda trouble: Verdict(Leave(), Fate.UNCERTAIN),
    UnusableSession: lambda trouble: Verdict(Leave(), Fate.NOT_SAID),
}


def after_connection(trouble: TelegramTrouble) -> AfterConnection:
    """What the account does that could not be connected, or whose connection has ended."""
    return _AFTER_CONNECTION[type(trouble)](trouble)


def after_saying(trouble: TelegramTrouble) -> Verdict:
    """What the account does when one message or reaction went wrong, and what becomes of that."""
    return _AFTER_SAYING[type(trouble)](trouble)
