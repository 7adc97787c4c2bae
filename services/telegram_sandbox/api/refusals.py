"""What the world refuses, as the admin API says it: Telegram's own name of the error, and what to do."""

from fastapi import Request
from fastapi.responses import JSONResponse

from shared.http.problems import problem_response
from shared.http.responses import problems

_TOLD = {
    "USER_ID_INVALID": (404, "there is no such user; GET /api/v1/users lists them"),
    "CHAT_ID_INVALID": (404, "there is no such chat; GET /api/v1/chats lists them"),
    "CHANNEL_INVALID": (404, "there is no such chat; GET /api/v1/chats lists them"),
    "USERNAME_NOT_OCCUPIED": (404, "nobody has that username"),
    "USERNAME_OCCUPIED": (409, "that username is taken; choose another"),
    "PHONE_NUMBER_OCCUPIED": (409, "that phone number is taken; choose another"),
    "CHAT_WRITE_FORBIDDEN": (409, "the user is not a member; add them to the chat first"),
    "USER_NOT_PARTICIPANT": (409, "the user is not a member of the chat"),
}
_OTHER = (422, "Telegram would refuse this")


def _slug(name: str) -> str:
    return name.lower().replace("_", "-")


REFUSALS = problems(
    *((status, _slug(name), meaning) for name, (status, meaning) in _TOLD.items()),
    (422, "message-id-invalid", "Telegram would refuse this; the type is its name for the error"),
)


async def refused(request: Request, error: Exception) -> JSONResponse:
    """The answer to what the world refuses."""
    name = str(error)
    status, advice = _TOLD.get(name, _OTHER)
    return problem_response(status, _slug(name), f"{name}: {advice}")


async def too_many_faults(request: Request, error: Exception) -> JSONResponse:
    """The answer to a fault too many."""
    return problem_response(409, "too-many-faults", str(error))
