"""The admin API as one application: sign-in, health, the two groups of routes, and the world's refusals as problems.

Bound to loopback by default; `CALLBOARD_TOKEN` opens it.
"""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import SecretStr

from services.telegram_sandbox.api.login_routes import NOTICE, LoginDesk, login_router
from services.telegram_sandbox.api.world_routes import WorldDesk, world_router
from services.telegram_sandbox.faults import TooManyFaults
from services.telegram_sandbox.world.models import Refusal
from shared.http import create_api
from shared.http.problems import problem_response

_STATUS = {
    "USER_ID_INVALID": (404, "there is no such user; GET /api/v1/users lists them"),
    "CHAT_ID_INVALID": (404, "there is no such chat; GET /api/v1/chats lists them"),
    "CHANNEL_INVALID": (404, "there is no such chat; GET /api/v1/chats lists them"),
    "USERNAME_NOT_OCCUPIED": (404, "nobody has that username"),
    "USERNAME_OCCUPIED": (409, "that username is taken; choose another"),
    "PHONE_NUMBER_OCCUPIED": (409, "that phone number is taken; choose another"),
    "CHAT_WRITE_FORBIDDEN": (409, "the user is not a member; add them to the chat first"),
    "USER_NOT_PARTICIPANT": (409, "the user is not a member of the chat"),
}


def admin_api(token: SecretStr, world: WorldDesk, logins: LoginDesk) -> FastAPI:
    """The application."""

    async def ready() -> list[str]:
        return []

    api = create_api(
        "Callboard Telegram sandbox",
        version="1",
        token=token,
        routers=[world_router(world), login_router(logins)],
        ready=ready,
    )
    api.description = NOTICE
    api.add_exception_handler(Refusal, _refused)
    api.add_exception_handler(TooManyFaults, _too_many)
    return api


async def _refused(request: Request, error: Exception) -> JSONResponse:
    name = str(error)
    status, advice = _STATUS.get(name, (422, "Telegram would refuse this"))
    return problem_response(status, name.lower().replace("_", "-"), f"{name}: {advice}")


async def _too_many(request: Request, error: Exception) -> JSONResponse:
    return problem_response(409, "too-many-faults", str(error))
