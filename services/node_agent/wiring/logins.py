"""Logins: those that come from the vault, their newest states on the way back, and the ones that are made here."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from services.node_agent.domain.ports import LedgerAway
from services.node_agent.handlers.commands import Vault
from services.node_agent.jobs.crew import Crew
from services.node_agent.jobs.login_sync import LoginSync
from services.node_agent.jobs.outbox import LoginOutbox, SignInOutbox
from services.node_agent.use_cases.know_assignments import KnowRefused, KnowStored
from services.node_agent.use_cases.sign_ins import SignIns
from services.node_agent.use_cases.sync_login import SyncLogin
from services.node_agent.use_cases.take_login import TakeLogin
from services.node_agent.wiring.core import Core, Jobs
from shared.messaging import PublishFailed

log = structlog.get_logger(__name__)

# How often it is looked whether a login that was handed back has to be sent again.
POLL_SECONDS = 10.0
# For the last states of the logins at the agent's end; what does not leave in it waits in the ledger.
FAREWELL_SECONDS = 2.0

# Hands over what the vault does not have, at the agent's end.
Farewell = Callable[[], Awaitable[None]]


def handing_over(core: Core, crew: Crew) -> tuple[Vault, Jobs, Farewell]:
    """What the vault's words lead to, the jobs that answer them, and the last thing that is done with logins."""
    node_id, ports, hand_back = core.settings.node_id, core.ports, core.hand_back
    take = TakeLogin(node_id, core.assignments, ports.logins, core.sealer, ports.downloader)
    outbox = LoginOutbox(core.handed_back, core.publisher, ports.clock, ports.randomness)
    sending = core.drain("logins", outbox.send_some, POLL_SECONDS)
    sync = LoginSync(ports.logins, hand_back, core.settings.login_sync_seconds, ports.clock, ports.randomness)
    take.taken, hand_back.kept = crew.ring, sending.wake
    sign_ins, signed_in, signing_in = _signing_in(core)
    refused = KnowRefused(node_id, core.roster)

    def held(account_id: str, epoch: int, hash_: str) -> None:
        outbox.refused(account_id, epoch, hash_)
        signed_in.refused(hash_)
        sync.refused(account_id)

    refused.held = held
    vault = Vault(
        take,
        KnowStored(node_id, hand_back, core.sign_ins, core.roster),
        refused,
        SyncLogin(node_id, core.assignments, hand_back, crew.save),
        sign_ins,
    )
    jobs: Jobs = {"logins": sending.run, "login fetches": take.run, "login sync": sync.run, **signing_in}
    return vault, jobs, _farewell(core, outbox)


def _farewell(core: Core, outbox: LoginOutbox) -> Farewell:
    async def farewell() -> None:
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await core.hand_back.everything()
                while await outbox.send_some():
                    pass
        except (LedgerAway, PublishFailed, TimeoutError) as error:
            log.warning("logins_not_handed_back", reason=str(error) or "there was no time", advice="what the ledger "
                        "has is sent when the agent starts again")  # fmt: skip

    return farewell


def _signing_in(core: Core) -> tuple[SignIns, SignInOutbox, Jobs]:
    """Sign-ins at Telegram, and what is said of them."""
    ports = core.ports
    sign_ins = SignIns(ports.door, ports.trust, core.sealer, core.sign_ins, ports.clock)
    outbox = SignInOutbox(core.sign_ins, core.publisher, ports.clock, ports.randomness)
    telling = core.drain("sign-in reports", outbox.send_some, POLL_SECONDS)
    sign_ins.told = telling.wake
    return sign_ins, outbox, {"sign-ins": sign_ins.run, "sign-in reports": telling.run}
