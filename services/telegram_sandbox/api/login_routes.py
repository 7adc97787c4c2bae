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
from shared.http.responses import problems

NOTICE = "This is Callboard's Telegram sandbox, not Telegram. Nothing here reaches Telegram's servers."

NO_USER = problems((404, "user-id-invalid", "there is no such user"))
NO_SESSION = problems((404, "unknown-session", "no login has this id"))
NO_CODE = problems((404, "no-code", "nobody has asked for a code with this phone"))
NO_FAULT = problems((404, "unknown-fault", "no active fault has this id"))
TOO_MANY = problems((409, "too-many-faults", "so many faults cannot be active at once"))


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
    @router.get("/server", summary="Read where clients connect", tags=["logins"])
    async def read_server() -> ServerRow:
        """Where clients connect and the public key they must trust."""
        return ServerRow(
            address=desk.place.address,
            port=desk.place.port,
            dc_id=desk.place.dc_id,
            public_key=desk.server.server_key.public_pem,
            connections=desk.server.connection_count,
            notice=NOTICE,
        )

    @router.get("/codes/{phone}", summary="Read a sign-in code", tags=["logins"], responses=NO_CODE)
    async def read_code(phone: str) -> CodeRow:
        """The newest sign-in code of a phone."""
        pending = desk.codes.pending(phone)
        if pending is None:
            raise Problem(404, "no-code", f"no code was asked for by {phone!r}; let the client ask for one first")
        return CodeRow(phone=phone, code=pending.code)


def _add_sessions(router: APIRouter, desk: LoginDesk) -> None:
    @router.post("/sessions", status_code=201, summary="Add a session", tags=["logins"], responses=NO_USER)
    async def add_session(body: NewSession) -> ReadySessionRow:
        """A new login of a user, ready to use."""
        user = desk.world.user(body.user_id)
        ready = desk.mint.fresh(user.id)
        desk.save()
        return session_row(user, ready)

    @router.get("/sessions", summary="List sessions", tags=["logins"])
    async def list_sessions() -> list[SessionRow]:
        """Every login, with its connections."""
        return [_session(desk, key) for key in desk.server.keys]

    @router.get("/sessions/{key_id}", summary="Read a session", tags=["logins"], responses=NO_SESSION)
    async def read_session(key_id: str) -> SessionRow:
        """One login, with its connections."""
        return _session(desk, desk.key(key_id))


def _add_deaths(router: APIRouter, desk: LoginDesk) -> None:
    @router.post("/sessions/{key_id}/kill", summary="Kill a session", tags=["logins"], responses=NO_SESSION)
    async def kill_session(key_id: str, body: Kill) -> SessionRow:
        """Lose the login: every later request gets this error. Connections stay open, as Telegram's do."""
        key = desk.key(key_id)
        desk.server.keys.kill(key, body.error)
        desk.save()
        return _session(desk, key)

    @router.post(
        "/sessions/{key_id}/drop", summary="Drop the connections of a session", tags=["logins"], responses=NO_SESSION
    )
    async def drop_session(key_id: str) -> Dropped:
        """Cut the login's connections; clients may come back at once."""
        return Dropped(connections=desk.server.drop(desk.key(key_id)))

    @router.post("/sessions/{key_id}/forget", summary="Forget a session", tags=["logins"], responses=NO_SESSION)
    async def forget_session(key_id: str) -> Dropped:
        """Forget the key and cut its connections: coming back gets transport error -404."""
        key = desk.key(key_id)
        desk.server.forget(key)
        desk.save()
        return Dropped(connections=desk.server.drop(key))


def _add_faults(router: APIRouter, desk: LoginDesk) -> None:
    @router.post("/faults", status_code=201, summary="Inject a fault", tags=["faults"], responses=TOO_MANY)
    async def inject_fault(body: NewFault) -> FaultRow:
        """Something goes wrong from now on; see the kinds in the schema."""
        return FaultRow(fault_id=desk.faults.add(body.fault), fault=body.fault)

    @router.get("/faults", summary="List faults", tags=["faults"])
    async def list_faults() -> list[FaultRow]:
        """The faults that are active."""
        active = desk.faults.active().items()
        return [FaultRow(fault_id=i, fault=fault, met=desk.faults.met(i)) for i, fault in active]

    @router.delete("/faults", status_code=204, summary="Clear all faults", tags=["faults"])
    async def clear_faults() -> None:
        """Be healthy again."""
        desk.faults.clear_all()

    @router.delete("/faults/{fault_id}", status_code=204, summary="Clear a fault", tags=["faults"], responses=NO_FAULT)
    async def clear_fault(fault_id: str) -> None:
        """Let one thing go right again."""
        if not desk.faults.clear(fault_id):
            raise Problem(404, "unknown-fault", f"no active fault {fault_id!r}; GET /api/v1/faults lists them")


def _session(desk: LoginDesk, key: AuthKey) -> SessionRow:
    connections = [
        ConnectionRow(remote=held.remote, transport=held.transport_name) for held in desk.server.connections_of_key(key)
    ]
    return SessionRow(key_id=key.name, user_id=key.user_id, dead=key.dead, connections=connections)
