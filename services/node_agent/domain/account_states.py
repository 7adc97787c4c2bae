"""The states of an account on its node, and which state may follow which.

| from       | to                                           | because                                        |
| ---------- | -------------------------------------------- | ---------------------------------------------- |
| stopped    | connecting                                   | the lease is valid and the session file is there |
| connecting | online                                       | Telegram answered a probe                      |
| connecting | connecting                                   | unreachable: tried again with back-off         |
| online     | connecting                                   | the connection ended                           |
| online, connecting | waiting                              | Telegram said how long to wait                 |
| waiting    | online, connecting                           | the wait is over                               |
| online     | limited                                      | Telegram calls the account a spammer           |
| limited    | online                                       | the pause is over                              |
| any        | error                                        | the login is dead or its file unusable         |
| any        | stopped                                      | no lease, file gone or replaced, agent stopped |
| error      | connecting, stopped                          | the session file has changed                   |

An account in error is not tried again until its session file changes: a dead login stays dead, and asking again
and again is what Telegram punishes.
"""

from dataclasses import dataclass

from shared.contracts.accounts import AccountStatus

STOPPED = AccountStatus.STOPPED
CONNECTING = AccountStatus.CONNECTING
ONLINE = AccountStatus.ONLINE
WAITING = AccountStatus.WAITING
LIMITED = AccountStatus.LIMITED
ERROR = AccountStatus.ERROR

_MOST_REASON = 500

FOLLOWERS: dict[AccountStatus, frozenset[AccountStatus]] = {
    STOPPED: frozenset({STOPPED, CONNECTING, ERROR}),
    CONNECTING: frozenset({CONNECTING, ONLINE, WAITING, ERROR, STOPPED}),
    ONLINE: frozenset({CONNECTING, WAITING, LIMITED, ERROR, STOPPED}),
    WAITING: frozenset({WAITING, ONLINE, CONNECTING, LIMITED, ERROR, STOPPED}),
    LIMITED: frozenset({LIMITED, ONLINE, CONNECTING, WAITING, ERROR, STOPPED}),
    ERROR: frozenset({ERROR, CONNECTING, STOPPED}),
}


class ImpossibleTransition(Exception):
    """An account was to enter a state that cannot follow its present one: a mistake in the agent."""


@dataclass(frozen=True)
class AccountState:
    """A state with the sentence that tells the operator why."""

    status: AccountStatus
    reason: str | None = None


def entered(current: AccountState, status: AccountStatus, reason: str | None = None) -> AccountState:
    """The next state, its reason cut to what a report may carry. Raises ImpossibleTransition."""
    if status not in FOLLOWERS.get(current.status, frozenset()):
        raise ImpossibleTransition(f"{current.status} cannot become {status}")
    return AccountState(status, shortened(reason))


def shortened(reason: str | None) -> str | None:
    """A reason as long as a report may carry it; the end is what is cut."""
    if reason is None or len(reason) <= _MOST_REASON:
        return reason
    return reason[: _MOST_REASON - 1] + "…"
