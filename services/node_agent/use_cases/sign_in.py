"""One sign-in at Telegram, from its order to its end: ask for the code, perhaps for the password, hand over the login.

It asks through reports and waits for answers; a wrong one is asked for again. Whatever happens it ends, at the latest
at the order's own end, and the connection with it: the login then belongs to the vault and runs nowhere. What is secret
is held as long as it is needed, and is in no log and no reason.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.node_agent.domain.sign_in import PasswordWanted, SignedIn, SignInDoor, SigningIn, WrongAnswer
from services.node_agent.domain.telegram import TelegramTrouble
from shared.contracts.logins import LoginKind, LoginState


@dataclass(frozen=True)
class Step:
    """How far a sign-in is; see `contracts.logins.LoginReported`."""

    state: LoginState
    reason: str | None = None
    hint: str | None = None
    done: SignedIn | None = None


# Tells a step; the number of the report that told it.
Tell = Callable[[Step], Awaitable[int]]


class SignIn:
    """See the module's docstring. `answer` gives what was asked for; `has_login`: Telegram has said yes."""

    def __init__(self, kind: LoginKind, secret: str, tell: Tell) -> None:
        self._kind = kind
        self._secret = secret
        self._tell = tell
        self._asked = 0
        self._answers: asyncio.Queue[str] = asyncio.Queue(1)
        self.has_login = False

    def answer(self, question: int, secret: str) -> bool:
        """Give an answer to a question; False for one that is not asked any more, or is answered."""
        if question != self._asked or self._answers.full():
            return False
        self._answers.put_nowait(secret)
        return True

    async def run(self, door: SignInDoor) -> None:
        """Sign in, and tell how that ends."""
        await self._tell(Step(LoginState.CONNECTING))
        signing = door.open()
        try:
            done = await self._signed_in(signing)
            self.has_login = True
        except TelegramTrouble as trouble:
            advice = f". {trouble.advice}" if trouble.advice else ""
            await self._tell(Step(LoginState.FAILED, f"{trouble}{advice}"))
            return
        finally:
            self._secret = ""
            await signing.close()
        await self._tell(Step(LoginState.SIGNED_IN, done=done))

    async def _signed_in(self, signing: SigningIn) -> SignedIn:
        if self._kind is LoginKind.BOT:
            return await signing.give_token(self._secret)
        hint = await signing.ask_code(self._secret)
        found = await self._right(Step(LoginState.CODE_WANTED, hint=hint), signing.give_code)
        if isinstance(found, PasswordWanted):
            found = await self._right(Step(LoginState.PASSWORD_WANTED, hint=found.hint), signing.give_password)
        assert isinstance(found, SignedIn)
        return found

    async def _right(
        self, question: Step, give: Callable[[str], Awaitable[SignedIn | PasswordWanted]]
    ) -> SignedIn | PasswordWanted:
        """Ask until the answer is the right one."""
        while True:
            self._asked = await self._tell(question)
            answer = await self._answers.get()
            self._asked = 0
            try:
                return await give(answer)
            except WrongAnswer as wrong:
                question = Step(question.state, str(wrong), question.hint)
