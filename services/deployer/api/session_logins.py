"""`/api/v1/group-ai/sessions/login`: sign in at Telegram on the node that will run the account."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field

from services.deployer.api.session_body import AnswerBody, LoginBody
from services.deployer.api.sessions import PREFIX
from services.deployer.domain.sign_ins import SignIn
from services.deployer.use_cases.sign_in import (
    NewSignIn,
    NodeAway,
    NodeHasNoKey,
    NoSuchNode,
    NoSuchSignIn,
    NothingAsked,
    SignInOnNode,
)
from shared.contracts.identifiers import LoginId
from shared.contracts.logins import LoginKind, LoginState
from shared.http import Problem
from shared.http.responses import AWAY, joined, problems
from shared.http.roles import actor_of

Id = Annotated[LoginId, Path(description="the sign-in's id", examples=["lgn_" + "3" * 32])]

_NODE = problems(
    (404, "no-such-node", "no node of this id has ever reported"),
    (409, "node-away", "the node is offline"),
    (409, "node-has-no-key", "the node has not joined with a key of its own"),
)
_UNKNOWN = problems((404, "no-such-login", "there is no sign-in of this id, or it ended a day ago"))
_NOT_ASKED = problems((409, "nothing-asked", "the sign-in waits for no answer now"))


class LoginView(BaseModel):
    """How far a sign-in is. `hint` says where the code went, or is the password's hint."""

    login_id: str
    account_id: str
    node_id: str
    kind: LoginKind
    state: LoginState
    reason: str | None = Field(description="why it failed, or why the last answer was not taken, and what helps")
    hint: str | None
    user_id: int | None
    version: int | None = Field(description="the version that the vault has of the login")
    created_at: datetime
    expires_at: datetime


def session_logins_router(sign_in: SignInOnNode) -> APIRouter:
    """The router of sign-ins."""
    router = APIRouter(prefix=PREFIX + "/login", tags=["sessions"], responses=AWAY)

    @router.post("", status_code=202, summary="Begin a sign-in on a node", responses=_NODE)
    async def begin_login(request: Request, body: LoginBody) -> LoginView:
        """Let a node sign in at Telegram, with a phone number or a bot's token. Read it to see what it asks for.

        The number, the code and the password are sealed to the node and kept nowhere; the login comes back sealed.
        """
        kind, secret = body.begun()
        new = NewSignIn(body.account_id, body.node_id, kind, secret, actor_of(request).name)
        outcome = await sign_in.begin(new)
        if not isinstance(outcome, SignIn):
            raise _of_node(body.node_id, outcome)
        return _view(outcome)

    @router.get("/{login_id}", summary="Read how far a sign-in is", responses=_UNKNOWN)
    async def read_login(login_id: Id) -> LoginView:
        """What the sign-in waits for, or how it ended."""
        found = await sign_in.one(login_id)
        if found is None:
            raise _no_such_login(login_id)
        return _view(found)

    @router.post("/{login_id}", summary="Answer a sign-in", responses=joined(_UNKNOWN, _NOT_ASKED, _NODE))
    async def answer_login(login_id: Id, body: AnswerBody) -> LoginView:
        """Give the code that Telegram sent, or the two-step password, whichever is asked for."""
        outcome = await sign_in.answer(login_id, body.answer.get_secret_value())
        match outcome:
            case SignIn():
                return _view(outcome)
            case NoSuchSignIn():
                raise _no_such_login(login_id)
            case NothingAsked(state):
                detail = f"the sign-in is {state.value.replace('_', ' ')}: read it, and answer what it asks for"
                raise Problem(409, "nothing-asked", detail)
            case NodeHasNoKey():
                raise _of_node("the node", outcome)

    return router


def _of_node(node_id: str, outcome: NoSuchNode | NodeAway | NodeHasNoKey) -> Problem:
    match outcome:
        case NoSuchNode():
            return Problem(404, "no-such-node", f"there is no node {node_id!r}: GET /api/v1/workers lists all")
        case NodeAway():
            return Problem(409, "node-away", f"node {node_id!r} is offline: start its agent, or choose another node")
        case NodeHasNoKey():
            detail = f"{node_id!r} has no key to seal to: let it join with a token of `callboard nodes enroll`"
            return Problem(409, "node-has-no-key", detail)


def _no_such_login(login_id: str) -> Problem:
    return Problem(404, "no-such-login", f"there is no sign-in {login_id}, or it ended a day ago: begin a new one")


def _view(one: SignIn) -> LoginView:
    return LoginView(
        login_id=one.login_id,
        account_id=one.account_id,
        node_id=one.node_id,
        kind=one.kind,
        state=one.state,
        reason=one.reason,
        hint=one.hint,
        user_id=one.user_id,
        version=one.version,
        created_at=one.created_at,
        expires_at=one.expires_at,
    )
