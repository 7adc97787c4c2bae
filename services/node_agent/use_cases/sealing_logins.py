"""Logins sealed to the vault, and those opened that were sealed to this node.

What is sealed says whose it is, in which epoch and which state (`contracts.sessions.sealed_for`), so nothing opens as
something else. Compressing and sealing take a millisecond or more and are offloaded.
"""

import base64
import binascii
import zlib

from services.node_agent.domain.assignments import FOLDER_EPOCH
from services.node_agent.domain.logins import HandedBack, LoginState, UnusableLogin, state_of
from services.node_agent.domain.ports import Offload
from services.node_agent.domain.sign_in import SignedIn
from services.node_agent.domain.trust import Trust
from shared.clock import Clock
from shared.contracts.identifiers import content_hash
from shared.contracts.logins import LoginReported
from shared.contracts.sessions import LARGEST_SEALED, DeliverSession, SessionSynced, sealed_for
from shared.sealing import NotSealedForUs, open_sealed, seal


class LoginSealer:
    """Seals and opens for one start of the agent."""

    def __init__(self, trust: Trust, boot: int, offload: Offload, clock: Clock) -> None:
        self._trust = trust
        self._boot = boot
        self._offload = offload
        self._clock = clock
        self._number = 0

    async def seal(
        self, account_id: str, epoch: int, state: LoginState, *, final: bool = False, answers: str | None = None
    ) -> HandedBack:
        """A state for the vault, numbered. Raises UnusableLogin for one that is too large."""
        keys = self._trust.keys
        vault = base64.b64decode(keys.trusted.vault.key)
        bound_to = sealed_for(SessionSynced.TYPE, keys.node_id, account_id, epoch, state.hash)
        sealed = await self._offload(seal, state.packed, vault, bound_to)
        if len(sealed) > LARGEST_SEALED:
            raise UnusableLogin(f"it has {len(sealed)} bytes when sealed, more than {LARGEST_SEALED}")
        self._number += 1
        return HandedBack(
            account_id=account_id,
            epoch=epoch,
            boot=self._boot,
            number=self._number,
            hash=state.hash,
            size=state.size,
            final=final,
            at=self._clock.now(),
            sealed=sealed,
            answers=answers,
        )

    async def seal_new(self, report: LoginReported, done: SignedIn) -> LoginReported:
        """The report of a sign-in that has ended well, with the new login for the vault."""
        keys, state = self._trust.keys, state_of(done.content)
        bound_to = sealed_for(LoginReported.TYPE, keys.node_id, report.account_id, FOLDER_EPOCH, state.hash)
        sealed = await self._offload(seal, state.packed, base64.b64decode(keys.trusted.vault.key), bound_to)
        login = {
            "user_id": done.user_id,
            "hash": state.hash,
            "size": state.size,
            "sealed": base64.b64encode(sealed).decode(),
        }
        return report.model_copy(update=login)

    async def open(self, order: DeliverSession, sealed: bytes) -> LoginState:
        """The login that an order brings. Raises UnusableLogin."""
        return await self._offload(_opened, order, sealed, self._trust.keys.sealing)


def unwritten(sealed: str) -> bytes:
    """The bytes of what a message carries in base64. Raises UnusableLogin."""
    try:
        return base64.b64decode(sealed, validate=True)
    except binascii.Error as error:
        raise UnusableLogin("it is no base64") from error


def _opened(order: DeliverSession, sealed: bytes, private: bytes) -> LoginState:
    bound_to = sealed_for(DeliverSession.TYPE, order.node_id, order.account_id, order.epoch, order.hash)
    try:
        packed = open_sealed(sealed, private, bound_to)
        # No more than was announced, whatever it unpacks to.
        content = zlib.decompressobj().decompress(packed, order.size + 1)
    except NotSealedForUs as error:
        raise UnusableLogin(str(error)) from error
    except zlib.error as error:
        raise UnusableLogin("it does not unpack") from error
    if len(content) != order.size or content_hash(content) != order.hash:
        raise UnusableLogin("it is not the login that was announced: another size or hash")
    return LoginState(order.hash, order.size, packed)
