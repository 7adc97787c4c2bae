"""The vault's HTTP doors over its use cases in memory."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from services.deployer.api.session_backups import session_backups_router
from services.deployer.api.session_body import FORM_ROOM
from services.deployer.api.session_deliveries import session_deliveries_router
from services.deployer.api.session_logins import session_logins_router
from services.deployer.api.session_syncs import session_syncs_router
from services.deployer.api.sessions import PREFIX, sessions_router
from services.deployer.domain.sessions import Destination
from services.deployer.domain.telegram_logins import LARGEST_UPLOAD
from services.deployer.session_archive import AgeArchives
from services.deployer.session_downloads import SignedSessions
from services.deployer.use_cases.back_up_sessions import BackUpSessions, RestoreSessions
from services.deployer.use_cases.rotate_keys import RotateKeys
from shared.audit.log import InMemoryAuditLog
from shared.clock import VirtualClock
from shared.contracts.roles import Actor, Role
from shared.http import create_api
from shared.http.signing_in import named
from tests.support.behind import Behind, StandIn
from tests.unit.deployer.vault_stand import SECRET, Vault

TOKEN = "token-of-the-tests"
SESSIONS = PREFIX
FILE = {"content-type": "application/octet-stream"}


class VaultDoor:
    """The API on a vault. `role` is whose role the origin's requests have."""

    def __init__(self, vault: Vault, http: httpx.AsyncClient, links: SignedSessions, audit: InMemoryAuditLog) -> None:
        self.vault = vault
        self.http = http
        self.links = links
        self.audit = audit

    async def upload(self, content: bytes, account: str = "ana", **more: Any) -> httpx.Response:
        """Upload bare bytes."""
        return await self.http.post(SESSIONS, params={"account_id": account}, content=content, headers=FILE, **more)


@dataclass(frozen=True)
class _Rooms:
    """What is behind a door."""

    vault: Vault
    links: SignedSessions
    audit: InMemoryAuditLog
    back_up: BackUpSessions
    restore: RestoreSessions
    rotate: RotateKeys


@cache
def _api() -> FastAPI:
    async def ready() -> Sequence[str]:
        return []

    def of(pick: Callable[[_Rooms], Any]) -> Any:
        return StandIn(pick)

    return create_api(
        "test",
        version="0",
        token=SecretStr(TOKEN),
        audit=of(lambda rooms: rooms.audit),
        routers=[
            session_logins_router(of(lambda rooms: rooms.vault.sign_in)),
            session_syncs_router(of(lambda rooms: rooms.vault.sync_now)),
            session_backups_router(of(lambda rooms: rooms.back_up), of(lambda rooms: rooms.restore)),
            sessions_router(
                of(lambda rooms: rooms.vault.sessions),
                of(lambda rooms: rooms.vault.browse),
                of(lambda rooms: rooms.rotate),
            ),
        ],
        open_routers=[session_deliveries_router(of(lambda rooms: rooms.links), of(lambda rooms: rooms.vault.deliver))],
        ready=ready,
        larger_bodies={SESSIONS: LARGEST_UPLOAD + FORM_ROOM},
    )


@asynccontextmanager
async def open_vault_door(role: Role = Role.ADMIN) -> AsyncIterator[VaultDoor]:
    """The doors of an empty vault."""
    vault = Vault()
    links = SignedSessions(SecretStr(SECRET.decode()), "http://door")
    vault.deliver._url_of = lambda to: links.url_of(to)

    async def nothing() -> None:
        return None

    audit = InMemoryAuditLog("deployer", VirtualClock())
    rooms = _Rooms(
        vault,
        links,
        audit,
        BackUpSessions(vault.store, vault.safe, AgeArchives(), vault.clock),
        RestoreSessions(vault.store, vault.reader, AgeArchives(), vault.keep, vault.clock),
        RotateKeys(vault.store, vault.keys, {}, nothing),
    )
    transport = httpx.ASGITransport(Behind(_api(), rooms))
    told = [(name.decode(), value.decode()) for name, value in named(Actor("mika", role))]
    headers = {"authorization": f"Bearer {TOKEN}", **dict(told)}
    async with httpx.AsyncClient(transport=transport, base_url="http://door", headers=headers) as http:
        yield VaultDoor(vault, http, links, audit)


def destination(**changes: Any) -> Destination:
    """Somewhere to deliver to."""
    fields: dict[str, Any] = {"node_id": "tokyo", "account_id": "ana", "epoch": 1, "version": 1}
    fields["sealing_key"] = "A" * 43 + "="
    return Destination(**(fields | changes))
