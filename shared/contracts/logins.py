"""A sign-in at Telegram on the node that will run the account: its orders, its answers, and how far it is.

    connecting → code_wanted → (password_wanted) → signed_in → (SessionStored: the vault has it)
    connecting → signed_in (with a bot's token) · any → failed

Whatever is secret (the phone number, the bot's token, the code, the password, and at the end the login) travels sealed
(HPKE, see `sealing`) between the deployer and the node, bound by `sealed_for` to the message's type, the node, the
account, the epoch 0, and the sign-in's id, the login itself to its hash. The login is in the vault's stored form.
"""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from shared.contracts.contract import Contract, Instant
from shared.contracts.identifiers import AccountId, ContentHash, LoginId, NodeId
from shared.contracts.sessions import LARGEST_SEALED, LARGEST_SESSION, Base64
from shared.contracts.signed import SignedContract

# In bytes, sealed and in base64: a password of Telegram's has some hundred characters at most.
LONGEST_SECRET = 2_000
Secret = Annotated[Base64, StringConstraints(max_length=LONGEST_SECRET)]


class LoginKind(StrEnum):
    """What a sign-in begins with."""

    PHONE = "phone"
    BOT = "bot"


class LoginState(StrEnum):
    """How far a sign-in is."""

    CONNECTING = "connecting"
    CODE_WANTED = "code_wanted"
    PASSWORD_WANTED = "password_wanted"  # noqa: S105 - a state
    SIGNED_IN = "signed_in"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Whether nothing more comes of it."""
        return self in (LoginState.SIGNED_IN, LoginState.FAILED)


class BeginLogin(SignedContract):
    """Sign in. `secret` is the phone number or the bot's token, sealed; without an end by `expires_at`, give up.

    A node does one sign-in for an account at a time: another one for it ends the one before.
    """

    TYPE: ClassVar[str] = "node.begin-login.v1"

    node_id: NodeId
    login_id: LoginId
    account_id: AccountId
    kind: LoginKind
    secret: Secret
    issued_at: Instant
    expires_at: Instant


class AnswerLogin(SignedContract):
    """What was asked for, sealed. `question` is the `number` of the report that asked; an answer to another is old."""

    TYPE: ClassVar[str] = "node.answer-login.v1"

    node_id: NodeId
    login_id: LoginId
    account_id: AccountId
    question: int = Field(ge=1)
    secret: Secret
    issued_at: Instant


class LoginReported(Contract):
    """How far a sign-in is; `number` rises with every report of it.

    `reason` says why it failed, or why the last answer was not taken, and what helps. `hint` is where the code went
    (`app`, `sms`, …) or the password's hint. A report of `signed_in` has the login, and is said again until
    `SessionStored` comes for its hash in epoch 0.
    """

    TYPE: ClassVar[str] = "node.login.v1"

    node_id: NodeId
    login_id: LoginId
    account_id: AccountId
    number: int = Field(ge=1)
    state: LoginState
    reason: Annotated[str, StringConstraints(max_length=500)] | None = None
    hint: Annotated[str, StringConstraints(max_length=200)] | None = None
    user_id: int | None = Field(default=None, ge=1, le=2**63 - 1)
    hash: ContentHash | None = None
    size: int | None = Field(default=None, ge=1, le=LARGEST_SESSION)
    sealed: Annotated[Base64, StringConstraints(max_length=LARGEST_SEALED * 4 // 3 + 4)] | None = None
    at: Instant
