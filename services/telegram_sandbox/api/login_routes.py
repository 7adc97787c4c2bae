"""Admin routes about logins and faults: ready-made sessions, codes, deaths, cut lines, injected errors."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import APIRouter

from services.telegram_sandbox.api.bodies import (
    CodeRow,
    ConnectionRow,
    Dropped,
    FaultRow,
    Kill,
    NewFault,
    NewSession,
    ReadySessionRow,
    ServerRow,
    SessionRow,
)
from services.telegram_sandbox.api.world_routes import session_row
from services.telegram_sandbox.faults import Faults
from services.telegram_sandbox.mtproto.keys import AuthKey
from services.telegram_sandbox.mtproto.server import MtprotoServer
from services.telegram_sandbox.rpc.auth import Codes
from services.telegram_sandbox.rpc.call import Place
from services.telegram_sandbox.sessions import SessionMint
from services.telegram_sandbox.world.world import World
from shared.http import Problem

NOTICE = "This is Callboard's Telegram sandbox, not Telegram. Nothing here reaches Telegram's servers."


@dataclass(frozen=True, slots=True)
class LoginDesk:
    """What these routes work with."""

    world: World
    server: MtprotoServer
    faults: Faults
    codes: Codes
    mint: SessionMint
    place: Place
    save: Callable[[], None]

    def key(self, key_id: str) -> AuthKey:
        """Raises `Problem` 404."""
        key = self.server.keys.named(key_id)
        if key is None:
            raise Problem(404, "unknown-session", f"no session {key_id!r}; GET /api/v1/sessions lists them")
        return key


def login_router(desk: LoginDesk) -> APIRouter:
    """The router; every path is under /api/v1."""
    router = APIRouter(prefix="/api/v1")
    _add_server(router, desk)
    _add_sessions(router, desk)
    _add_deaths(router, desk)
    _add_faults(router, desk)
    return router


def _add_server(router: APIRouter, desk: LoginDesk) -> None:
    @router.get("/server")
    async def server() -> ServerRow:
        """Where clients connect and the public key they must trust."""
        return ServerRow(
            address=desk.place.address,
            port=desk.place.port,
            dc_id=desk.place.dc_id,
            public_key=desk.server.server_key.public_pem,
            connections=desk.server.connection_count,
            notice=NOTICE,
        )

    @router.get("/codes/{phone}")
    async def code(phone: str) -> CodeRow:
        """The newest sign-in code of a phone."""
        pending = desk.codes.pending(phone)
        if pending is None:
            raise Problem(404, "no-code", f"no code was asked for by {phone!r}; let the client ask for one first")
        return CodeRow(phone=phone, code=pending.code)


def _add_sessions(router: APIRouter, desk: LoginDesk) -> None:
    @router.post("/sessions", status_code=201)
    async def add_session(body: NewSession) -> ReadySessionRow:
        """A new login of a user, ready to use."""
        user = desk.world.user(body.user_id)
        ready = desk.mint.fresh(user.id)
        desk.save()
        return session_row(user, ready)

    @router.get("/sessions")
    async def list_sessions() -> list[SessionRow]:
        return [_session(desk, key) for key in desk.server.keys]

    @router.get("/sessions/{key_id}")
    async def one_session(key_id: str) -> SessionRow:
        return _session(desk, desk.key(key_id))


def _add_deaths(router: APIRouter, desk: LoginDesk) -> None:
    @router.post("/sessions/{key_id}/kill")
    async def kill(key_id: str, body: Kill) -> SessionRow:
        """Lose the login: every later request gets this error. Connections stay open, as Telegram's do."""
        key = desk.key(key_id)
        desk.server.keys.kill(key, body.error)
        desk.save()
        return _session(desk, key)

    @router.post("/sessions/{key_id}/drop")
    async def drop(key_id: str) -> Dropped:
        """Cut the login's connections; clients may come back at once."""
        return Dropped(connections=desk.server.drop(desk.key(key_id)))

    @router.post("/sessions/{key_id}/forget")
    async def forget(key_id: str) -> Dropped:
        """Forget the key and cut its connections: coming back gets transport error -404."""
        key = desk.key(key_id)
        desk.server.forget(key)
        desk.save()
        return Dropped(connections=desk.server.drop(key))


def _add_faults(router: APIRouter, desk: LoginDesk) -> None:
    @router.post("/faults", status_code=201)
    async def inject(body: NewFault) -> FaultRow:
        """Let something go wrong; see the kinds in the schema."""
        return FaultRow(fault_id=desk.faults.add(body.fault), fault=body.fault)

    @router.get("/faults")
    async def list_faults() -> list[FaultRow]:
        return [FaultRow(fault_id=i, fault=fault) for i, fault in desk.faults.active().items()]

    @router.delete("/faults", status_code=204)
    async def clear_all() -> None:
        desk.faults.clear_all()

    @router.delete("/faults/{fault_id}", status_code=204)
    async def clear(fault_id: str) -> None:
        if not desk.faults.clear(fault_id):
            raise Problem(404, "unknown-fault", f"no active fault {fault_id!r}; GET /api/v1/faults lists them")


def _session(desk: LoginDesk, key: AuthKey) -> SessionRow:
    connections = [
        ConnectionRow(remote=held.remote, transport=held.transport_name) for held in desk.server.connections_of_key(key)
    ]
    return SessionRow(key_id=key.name, user_id=key.user_id, dead=key.dead, connections=connections)
