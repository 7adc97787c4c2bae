"""The admin API as one application: sign-in, health, the two groups of routes, and the world's refusals as problems.

Bound to loopback by default; `CALLBOARD_TOKEN` opens it.
"""

from fastapi import FastAPI
from pydantic import SecretStr

from services.telegram_sandbox.api.login_routes import NOTICE, LoginDesk, login_router
from services.telegram_sandbox.api.refusals import refused, too_many_faults
from services.telegram_sandbox.api.world_routes import WorldDesk, world_router
from services.telegram_sandbox.faults import TooManyFaults
from services.telegram_sandbox.world.models import Refusal
from shared.http import create_api

TAGS = {
    "world": "Users, chats and what is said in them.",
    "logins": "Sessions, sign-in codes, and how a login is lost.",
    "faults": "What shall go wrong.",
}


def admin_api(token: SecretStr, world: WorldDesk, logins: LoginDesk) -> FastAPI:
    """The application."""

    async def ready() -> list[str]:
        return []

    api = create_api(
        "Callboard Telegram sandbox",
        version="1",
        description=NOTICE,
        token=token,
        routers=[world_router(world), login_router(logins)],
        tags=TAGS,
        ready=ready,
    )
    api.add_exception_handler(Refusal, refused)
    api.add_exception_handler(TooManyFaults, too_many_faults)
    return api
