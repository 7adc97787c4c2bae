"""Sign-ins at Telegram that the deployer has ordered: one for an account at a time, each in a task of its own.

Orders and answers come signed, and their secrets sealed to this node for the one sign-in that they are of. An order
that comes again begins nothing anew. While the ledger is away a sign-in waits with its report, until the order's end:
a login that Telegram has given and that is in nobody's hands is one that the account's owner has to end.
"""

import asyncio
import base64
from collections import OrderedDict
from dataclasses import dataclass

import structlog

from services.node_agent.domain.ports import LedgerAway, Ring, SignInLedger
from services.node_agent.domain.sign_in import SignInDoor
from services.node_agent.domain.trust import Trust
from services.node_agent.use_cases.sealing_logins import LoginSealer
from services.node_agent.use_cases.sign_in import SignIn, Step
from shared.clock import Clock
from shared.contracts.logins import AnswerLogin, BeginLogin, LoginReported, LoginState
from shared.contracts.sessions import sealed_for
from shared.sealing import NotSealedForUs, open_sealed

log = structlog.get_logger(__name__)

# A ledger that is away is tried again after this.
AGAIN_SECONDS = 2.0
# Sign-ins of the last minutes, whose orders may come again.
MOST_KNOWN = 1_000


@dataclass
class _Open:
    order: BeginLogin
    sign_in: SignIn
    number: int = 0


class SignIns:
    """See the module's docstring. `told` is rung when there is a report."""

    def __init__(self, door: SignInDoor, trust: Trust, sealer: LoginSealer, ledger: SignInLedger, clock: Clock) -> None:
        self._door = door
        self._trust = trust
        self._sealer = sealer
        self._ledger = ledger
        self._clock = clock
        self._open: dict[str, _Open] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        # Those, and the ones whose place another has taken and that have not ended yet.
        self._running: set[asyncio.Task[None]] = set()
        self._known: OrderedDict[str, None] = OrderedDict()
        self.told: Ring = lambda: None

    async def begin(self, order: BeginLogin) -> None:
        """Begin a sign-in; another one for the same account ends."""
        if order.login_id in self._known or self._left(order) <= 0:
            log.info("sign_in_not_begun", account=order.account_id, login=order.login_id, reason="it is over, or known")
            return
        self._known[order.login_id] = None
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        secret = self._secret(BeginLogin.TYPE, order.account_id, order.login_id, order.secret)
        if secret is None:
            return
        before = self._tasks.pop(order.account_id, None)
        if before is not None:
            before.cancel()
        log.info("sign_in_begun", account=order.account_id, login=order.login_id)
        task = asyncio.create_task(self._run(order, secret), name=f"sign-in of {order.account_id}")
        self._tasks[order.account_id] = task
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def answer(self, order: AnswerLogin) -> None:
        """Give the sign-in what it has asked for."""
        secret = self._secret(AnswerLogin.TYPE, order.account_id, order.login_id, order.secret)
        found = self._open.get(order.login_id)
        if secret is None or found is None or not found.sign_in.answer(order.question, secret):
            log.info("answer_not_taken", account=order.account_id, login=order.login_id)

    async def run(self) -> None:
        """Own the sign-ins until cancelled; then end them."""
        try:
            await asyncio.Event().wait()
        finally:
            tasks = list(self._running)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, order: BeginLogin, secret: str) -> None:
        async def tell(step: Step) -> int:
            return await self._tell(found, step)

        found = self._open[order.login_id] = _Open(order, SignIn(order.kind, secret, tell))
        working = asyncio.ensure_future(found.sign_in.run(self._door))
        ending = asyncio.ensure_future(self._clock.sleep(self._left(order)))
        try:
            done, _ = await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
            if working in done or found.sign_in.has_login:
                await working
                return
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            await self._tell(found, Step(LoginState.FAILED, "it took too long: begin again"))
        except Exception as error:
            log.exception("sign_in_failed", account=order.account_id)
            await self._tell(found, Step(LoginState.FAILED, f"a mistake in the agent: {type(error).__name__}"))
        finally:
            for task in (working, ending):
                task.cancel()
            await asyncio.gather(working, ending, return_exceptions=True)
            del self._open[order.login_id]
            if self._tasks.get(order.account_id) is asyncio.current_task():
                del self._tasks[order.account_id]

    async def _tell(self, found: _Open, step: Step) -> int:
        order = found.order
        found.number += 1
        report = LoginReported(
            node_id=order.node_id,
            login_id=order.login_id,
            account_id=order.account_id,
            number=found.number,
            state=step.state,
            reason=step.reason and step.reason[:500],
            hint=step.hint and step.hint[:200],
            at=self._clock.now(),
        )
        if step.done is not None:
            report = await self._sealer.seal_new(report, step.done)
        await self._keep(report)
        log.info("sign_in", account=order.account_id, login=order.login_id, state=step.state.value)
        self.told()
        return report.number

    async def _keep(self, report: LoginReported) -> None:
        told = False
        while True:
            try:
                await self._ledger.keep(report)
                return
            except LedgerAway as error:
                if not told:
                    log.error("sign_in_not_told", account=report.account_id, reason=str(error))
                told = True
            await self._clock.sleep(AGAIN_SECONDS)

    def _left(self, order: BeginLogin) -> float:
        return (order.expires_at - self._clock.now()).total_seconds()

    def _secret(self, purpose: str, account_id: str, login_id: str, sealed: str) -> str | None:
        keys = self._trust.keys
        bound_to = sealed_for(purpose, keys.node_id, account_id, 0, login_id)
        try:
            return open_sealed(base64.b64decode(sealed), keys.sealing, bound_to).decode()
        except (NotSealedForUs, ValueError):
            log.error("sign_in_not_readable", account=account_id, login=login_id)
            return None
