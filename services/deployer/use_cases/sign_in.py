"""Sign in at Telegram on the node that will run the account: its orders out, its reports in. Called by the API and the
handlers.

What is secret is sealed to the node at once and kept nowhere. At the end the node seals the login to the vault; from
there on it is a version like any other. One that can never be taken is refused: the sign-in has failed, and the node
says it no more. Raises Unavailable, and Rejected for what was refused.
"""

import base64
from dataclasses import dataclass, field, replace

from services.deployer.domain.keeping import NotOpened
from services.deployer.domain.ports import Store
from services.deployer.domain.sign_ins import LASTS, SignIn, reported, seen
from services.deployer.use_cases.keep_version import Brought, KeepVersion, KeyTaken
from services.deployer.use_cases.record_syncs import OpenSealed, refusal_of
from shared.clock import Clock
from shared.contracts.logins import AnswerLogin, BeginLogin, LoginKind, LoginReported, LoginState
from shared.contracts.sessions import SessionOrigin, SessionStored, sealed_for
from shared.messaging import Rejected, Unavailable
from shared.randomness import Randomness
from shared.sealing import seal


@dataclass(frozen=True, slots=True)
class NewSignIn:
    """What an operator begins with: `secret` is the phone number or the bot's token."""

    account_id: str
    node_id: str
    kind: LoginKind
    secret: str = field(repr=False)
    by: str | None = None


@dataclass(frozen=True, slots=True)
class NoSuchNode:
    """The registry has told of none of this id."""


@dataclass(frozen=True, slots=True)
class NodeAway:
    """The node is offline."""


@dataclass(frozen=True, slots=True)
class NodeHasNoKey:
    """The node has not joined with a key of its own: nothing can be sealed to it."""


@dataclass(frozen=True, slots=True)
class NoSuchSignIn:
    """There is none of this id, or it ended a day ago."""


@dataclass(frozen=True, slots=True)
class NothingAsked:
    """The sign-in waits for no answer now."""

    state: LoginState


class SignInOnNode:
    """See the module's docstring."""

    def __init__(
        self, store: Store, open_: OpenSealed, keep: KeepVersion, clock: Clock, randomness: Randomness
    ) -> None:
        self._store = store
        self._open = open_
        self._keep = keep
        self._clock = clock
        self._randomness = randomness

    async def begin(self, new: NewSignIn) -> SignIn | NoSuchNode | NodeAway | NodeHasNoKey:
        """Let a node begin."""
        async with self._store.begin() as transaction:
            node = (await transaction.nodes.lock([new.node_id])).get(new.node_id)
            if node is None:
                return NoSuchNode()
            if not node.online:
                return NodeAway()
            if node.sealing_key is None:
                return NodeHasNoKey()
            now = self._clock.now()
            login_id = self._randomness.new_id("lgn_")
            sign_in = SignIn(login_id, new.account_id, new.node_id, new.kind, now, now, now + LASTS, new.by)
            await transaction.sign_ins.add(sign_in)
            order = BeginLogin(
                node_id=new.node_id,
                login_id=login_id,
                account_id=new.account_id,
                kind=new.kind,
                secret=_secret(BeginLogin.TYPE, sign_in, node.sealing_key, new.secret),
                issued_at=now,
                expires_at=sign_in.expires_at,
            )
            await transaction.announce([order])
        return sign_in

    async def answer(self, login_id: str, secret: str) -> SignIn | NoSuchSignIn | NothingAsked | NodeHasNoKey:
        """Pass the code or the password on to the node."""
        async with self._store.begin() as transaction:
            sign_in = await transaction.sign_ins.lock(login_id)
            if sign_in is None:
                return NoSuchSignIn()
            now = self._clock.now()
            state = seen(sign_in, now).state
            if state not in (LoginState.CODE_WANTED, LoginState.PASSWORD_WANTED):
                return NothingAsked(state)
            node = (await transaction.nodes.lock([sign_in.node_id])).get(sign_in.node_id)
            if node is None or node.sealing_key is None:
                return NodeHasNoKey()
            order = AnswerLogin(
                node_id=sign_in.node_id,
                login_id=login_id,
                account_id=sign_in.account_id,
                question=sign_in.number,
                secret=_secret(AnswerLogin.TYPE, sign_in, node.sealing_key, secret),
                issued_at=now,
            )
            answered = replace(sign_in, state=LoginState.CONNECTING, updated_at=now)
            await transaction.sign_ins.save(answered)
            await transaction.announce([order])
        return answered

    async def one(self, login_id: str) -> SignIn | None:
        """How far a sign-in is."""
        async with self._store.begin() as transaction:
            found = await transaction.sign_ins.one(login_id)
        return None if found is None else seen(found, self._clock.now())

    async def record(self, report: LoginReported) -> SignIn:
        """Take in a node's report; one with the login brings it into the vault."""
        try:
            return await self._record(report)
        except Rejected as refused:
            if report.hash is not None:
                await self._refuse(report, report.hash, str(refused))
            raise

    async def _record(self, report: LoginReported) -> SignIn:
        brought = await self._brought(report)
        async with self._store.begin() as transaction:
            sign_in = await transaction.sign_ins.lock(report.login_id)
            if sign_in is None or (sign_in.node_id, sign_in.account_id) != (report.node_id, report.account_id):
                raise Rejected(f"there is no sign-in {report.login_id} of this account on node {report.node_id!r}")
            after = reported(sign_in, report, self._clock.now())
            if brought is not None:
                try:
                    kept = await self._keep(transaction, replace(brought, by=sign_in.by))
                except NotOpened as error:
                    raise Unavailable(str(error)) from error
                if isinstance(kept, KeyTaken):
                    raise Rejected(f"the key of this login is account {kept.account_id!r}'s in the vault")
                after = replace(after, state=LoginState.SIGNED_IN, version=kept.version.version)
                await transaction.announce([self._stored(report, kept.version.hash)])
            await transaction.sign_ins.save(after)
        return after

    async def _refuse(self, report: LoginReported, hash_: str, reason: str) -> None:
        now, why = self._clock.now(), f"the vault did not take the login: {reason}"
        async with self._store.begin() as transaction:
            sign_in = await transaction.sign_ins.lock(report.login_id)
            own = sign_in and (sign_in.node_id, sign_in.account_id) == (report.node_id, report.account_id)
            if sign_in is not None and own and not sign_in.state.final:
                failed = replace(sign_in, state=LoginState.FAILED, reason=why, updated_at=now)
                await transaction.sign_ins.save(failed)
            await transaction.announce([refusal_of(report, 0, hash_, reason, now)])

    async def _brought(self, report: LoginReported) -> Brought | None:
        if report.state is not LoginState.SIGNED_IN:
            return None
        if report.sealed is None or report.hash is None or report.size is None:
            raise Rejected("a sign-in that has ended well comes with the login: sealed, hash and size")
        bound_to = sealed_for(LoginReported.TYPE, report.node_id, report.account_id, 0, report.hash)
        login, content = await self._open(report.sealed, bound_to, report.hash, report.size)
        return Brought(report.account_id, login, content, SessionOrigin.LOGIN, node_id=report.node_id)

    def _stored(self, report: LoginReported, hash_: str) -> SessionStored:
        return SessionStored(
            node_id=report.node_id, account_id=report.account_id, epoch=0, hash=hash_, stored_at=self._clock.now()
        )


def _secret(purpose: str, sign_in: SignIn, sealing_key: str, secret: str) -> str:
    bound_to = sealed_for(purpose, sign_in.node_id, sign_in.account_id, 0, sign_in.login_id)
    return base64.b64encode(seal(secret.encode(), base64.b64decode(sealing_key), bound_to)).decode()
