"""The states of an account on its node, and which state may follow which: this table, and nothing else.

Read from the left to the top; a dash cannot be.

| from \\ to   | stopped | connecting | online    | waiting | limited | error |
| ----------- | ------- | ---------- | --------- | ------- | ------- | ----- |
| stopped     | halt    | start      | -         | -       | -       | -     |
| connecting  | halt    | retry      | connected | wait    | -       | death |
| online      | halt    | cut        | news      | wait    | limit   | death |
| waiting     | halt    | cut        | over      | wait    | limit   | death |
| limited     | halt    | cut        | over      | wait    | limit   | death |
| error       | halt    | start      | -         | -       | -       | death |

- *start*: the lease is valid, the session file is there and, after an error, is another file than before
- *connected*: Telegram answered · *retry*: it could not be reached, or did not answer · *cut*: the connection ended
- *wait*: Telegram said how long to wait · *limit*: Telegram lets the account write to nobody · *over*: that is over
- *news*: the vault does not take the login's newest state, or takes it again
- *death*: the login is dead, or its file unusable
- *halt*: no lease, the file is gone or was replaced, the agent was stopped

A state on itself is the same state for another reason. An account in error is not tried again until its session file
changes: a dead login stays dead, and asking again and again is what Telegram punishes. `domain.consequences` says which
trouble leads where.
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
    STOPPED: frozenset({STOPPED, CONNECTING}),
    CONNECTING: frozenset({STOPPED, CONNECTING, ONLINE, WAITING, ERROR}),
    ONLINE: frozenset({STOPPED, CONNECTING, ONLINE, WAITING, LIMITED, ERROR}),
    WAITING: frozenset({STOPPED, CONNECTING, ONLINE, WAITING, LIMITED, ERROR}),
    LIMITED: frozenset({STOPPED, CONNECTING, ONLINE, WAITING, LIMITED, ERROR}),
    ERROR: frozenset({STOPPED, CONNECTING, ERROR}),
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
