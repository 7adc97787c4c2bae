"""Sign-ins at Telegram that nodes do for an operator; see `shared.contracts.logins` for their states.

What the node reports is kept, never what it was told: the phone number, the code and the password are sealed to the
node and forgotten here. Pure; `SignInRows` is the port of their table.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from shared.contracts.logins import LoginKind, LoginReported, LoginState

# Telegram's codes are good for some minutes; nobody waits longer before a terminal.
LASTS = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class SignIn:
    """One sign-in. `number` is of the node's newest report; `version` is what became of it in the vault."""

    login_id: str
    account_id: str
    node_id: str
    kind: LoginKind
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    by: str | None = None
    state: LoginState = LoginState.CONNECTING
    number: int = 0
    reason: str | None = None
    hint: str | None = None
    user_id: int | None = None
    version: int | None = None


def reported(sign_in: SignIn, report: LoginReported, now: datetime) -> SignIn:
    """The sign-in after a report; one that is not newer, or comes after the end, changes nothing."""
    if report.number <= sign_in.number or sign_in.state.final:
        return sign_in
    return replace(
        sign_in,
        state=report.state,
        number=report.number,
        reason=None if report.reason is None else report.reason.replace("\0", "\ufffd"),
        hint=None if report.hint is None else report.hint.replace("\0", "\ufffd"),
        user_id=report.user_id or sign_in.user_id,
        updated_at=now,
    )


def seen(sign_in: SignIn, now: datetime) -> SignIn:
    """The sign-in as it is to be shown: one without an end by its time has failed."""
    if sign_in.state.final or now < sign_in.expires_at:
        return sign_in
    reason = "it took too long, or the node did not answer: see whether the node is online, then begin again"
    return replace(sign_in, state=LoginState.FAILED, reason=reason)


class SignInRows(Protocol):
    """The table of sign-ins."""

    async def add(self, sign_in: SignIn) -> None:
        """Insert one, and forget those that ended a day before it."""
        ...

    async def lock(self, login_id: str) -> SignIn | None:
        """One, locked."""
        ...

    async def one(self, login_id: str) -> SignIn | None:
        """One."""
        ...

    async def save(self, sign_in: SignIn) -> None:
        """Write what can change of one that is locked."""
        ...
