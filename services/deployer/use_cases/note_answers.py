"""What a node's state is to whoever has asked for it (`sync_now.py`). Runs in the caller's transaction."""

from dataclasses import replace
from datetime import datetime

from services.deployer.domain.ports import Transaction
from services.deployer.domain.sessions import SessionVersion
from shared.contracts.sessions import SessionSynced


async def note_answer(transaction: Transaction, state: SessionSynced, version: SessionVersion, now: datetime) -> None:
    """The vault has this state as a version, which may be what somebody asked for."""
    order = await transaction.syncs.lock(state.account_id)
    if order is not None and order.is_answered_by(state):
        done = replace(order, answered_at=now, version=version.version, hash=version.hash, problem=None)
        await transaction.syncs.put(done)


async def note_refusal(transaction: Transaction, state: SessionSynced, reason: str, now: datetime) -> None:
    """The vault has not taken this state."""
    order = await transaction.syncs.lock(state.account_id)
    if order is not None and order.is_answered_by(state):
        await transaction.syncs.put(replace(order, answered_at=now, problem=f"the vault did not take it: {reason}"))
