"""The door for sessions: from a request's body to what was uploaded, and the refusals of sessions.

A session comes as a file in `multipart/form-data`, as the bare bytes, or as a string in JSON. Whatever comes stays in
memory: a login never touches the deployer's disk, as a form's file otherwise would.
"""

from typing import Annotated, Any

from fastapi import Request
from pydantic import ConfigDict, Field, SecretStr, StringConstraints, TypeAdapter, ValidationError
from python_multipart.exceptions import MultipartParseError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from services.deployer.domain.telegram_logins import LARGEST_UPLOAD
from services.deployer.use_cases.store_sessions import Upload
from shared.contracts.identifiers import AccountId, NodeId
from shared.contracts.logins import LoginKind
from shared.http import Problem
from shared.http.fields import Body
from shared.http.problems import invalid
from shared.http.responses import problems
from shared.http.roles import actor_of
from shared.http.wording import told

FORM_TYPE = "multipart/form-data"
JSON_TYPE = "application/json"
RAW_TYPES = ("application/octet-stream", "application/vnd.sqlite3", "application/x-sqlite3", "application/zip")
TEXT_TYPE = "text/plain"
# Beside the file itself: names, the boundary, a passcode.
FORM_ROOM = 64 * 1024

_account_id: TypeAdapter[str] = TypeAdapter(AccountId)


class StringBody(Body):
    """A session string."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"account_id": "ana", "session": "1…"}]})

    account_id: AccountId = Field(description="the account that it is the login of")
    session: Annotated[SecretStr, Field(min_length=1, max_length=1000)] = Field(
        description="Telethon's or Pyrogram's string, whole"
    )


class UseBody(Body):
    """Which version."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"version": 3}]})

    version: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)] = Field(description="the version's number")


class LoginBody(Body):
    """A sign-in: exactly one of a phone number and a bot's token."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"account_id": "ana", "node_id": "tokyo-1", "phone": "+81 3 1234 5678"}]},
    )

    account_id: AccountId = Field(description="what the account is to be called")
    node_id: NodeId = Field(description="the node that will run it: it signs in from there")
    phone: Annotated[SecretStr, Field(min_length=5, max_length=40)] | None = Field(
        default=None, description="in international form"
    )
    bot_token: Annotated[SecretStr, Field(min_length=20, max_length=100)] | None = Field(
        default=None, description="as @BotFather shows it"
    )

    def begun(self) -> tuple[LoginKind, str]:
        """What it begins with. Raises Problem."""
        if (self.phone is None) == (self.bot_token is None):
            raise invalid([{"field": "body", "message": "give exactly one of phone and bot_token"}])
        if self.bot_token is not None:
            return LoginKind.BOT, self.bot_token.get_secret_value()
        assert self.phone is not None
        return LoginKind.PHONE, self.phone.get_secret_value()


class AnswerBody(Body):
    """The code that Telegram sent, or the two-step password: whichever was asked for."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"answer": "12345"}]})

    answer: Annotated[SecretStr, Field(min_length=1, max_length=500)] = Field(description="as it was asked for")


# FastAPI cannot describe a body that is read by hand.
_FILE = {"type": "string", "format": "binary"}
REQUEST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {**_FILE, "description": "a session file, a text file with a string, or a zip"},
                        "account_id": {"type": "string", "description": "whose login it is; else the file's name"},
                        "passcode": {"type": "string", "description": "the local passcode of a tdata folder"},
                    },
                }
            },
            **{kind: {"schema": _FILE} for kind in (*RAW_TYPES, TEXT_TYPE)},
            JSON_TYPE: {"schema": StringBody.model_json_schema(), "example": {"account_id": "ana", "session": "1…"}},
        },
    }
}

REFUSALS = problems(
    (409, "login-of-another-account", "the vault has this login under another account"),
    (413, "body-too-large", f"it is over {LARGEST_UPLOAD} bytes"),
    (422, "session-refused", "none of what was sent is a login that is taken; `errors` has each file's reason"),
)
UNKNOWN = problems((404, "no-such-session", "the vault has no login of this account"))
UNKNOWN_VERSION = problems((404, "no-such-version", "the session has no version of this number"))
HELD = problems((409, "account-is-assigned", "a node runs the account: give it back first"))
UNREADABLE = problems((424, "vault-key-missing", "the master key that it is sealed under is missing"))


async def read_upload(request: Request, account_id: str | None, file_name: str | None) -> Upload:
    """What was uploaded. Raises Problem."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    by = actor_of(request).name
    match kind:
        case "multipart/form-data":
            return await _of_form(request, account_id, by)
        case "application/json":
            body = _of_json(await request.body())
            return Upload("the string", body.session.get_secret_value().encode(), body.account_id, by=by)
        case _ if kind in RAW_TYPES or kind == TEXT_TYPE:
            return Upload(file_name or account_id or "the file", await request.body(), account_id, by=by)
        case _:
            accepted = ", ".join((FORM_TYPE, *RAW_TYPES, TEXT_TYPE, JSON_TYPE))
            raise Problem(415, "unsupported-media-type", f"send the session with a content-type of {accepted}")


def _of_json(body: bytes) -> StringBody:
    try:
        return StringBody.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        findings = [{**one, "loc": ("body", *one["loc"])} for one in found]
        raise invalid(told(findings)) from None


async def _of_form(request: Request, account_id: str | None, by: str) -> Upload:
    parser = MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=2, max_part_size=FORM_ROOM)
    # Larger than anything that is let in: a file of a form goes to the disk otherwise.
    parser.spool_max_size = 2 * LARGEST_UPLOAD
    try:
        form = await parser.parse()
    except (MultiPartException, MultipartParseError, KeyError):
        message = "is no form with one file: send the parts file, account_id and passcode, each once"
        raise invalid([{"field": "body", "message": message}]) from None
    try:
        unknown = sorted(set(form) - {"file", "account_id", "passcode"})
        if unknown:
            raise invalid([{"field": f"body.{unknown[0]}", "message": "is not known: send file, account_id, passcode"}])
        file, named, passcode = form.get("file"), form.get("account_id"), form.get("passcode")
        if not isinstance(file, UploadFile):
            raise invalid([{"field": "body.file", "message": "is missing: send the session as a file"}])
        content = await file.read()
        given = _named(named) if isinstance(named, str) and named else account_id
        return Upload(
            file.filename or "the file", content, given, passcode if isinstance(passcode, str) else None, by=by
        )
    finally:
        await form.close()


def _named(account_id: str) -> str:
    try:
        return _account_id.validate_python(account_id)
    except ValidationError as error:
        findings = [{**one, "loc": ("body", "account_id")} for one in error.errors(include_url=False)]
        raise invalid(told(findings)) from None


FileName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
