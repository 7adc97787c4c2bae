"""A world as a JSON document: users, chats, and accounts to be given out as ready-made sessions.

Applied at start from a file, or at any time through the admin API. What exists already (a username; a group's title)
is left as it is, so applying twice changes nothing, and the ids and logins are the same each time.
Strict: unknown fields are refused.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Username = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{3,31}$")]
Title = Annotated[str, Field(min_length=1, max_length=128)]

MAX_ACCOUNTS = 10_000


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SeedUser(_Strict):
    """One user or bot."""

    username: Username
    first_name: Annotated[str, Field(max_length=64)] = ""
    phone: Annotated[str, Field(pattern=r"^\+?\d{5,15}$")] | None = None
    bot: bool = False


class SeedChat(_Strict):
    """One chat. A group has no username and is known by its title."""

    kind: Literal["group", "supergroup"] = "supergroup"
    title: Title
    username: Username | None = None
    members: list[Username] = []


class SeedAccounts(_Strict):
    """`count` users `<prefix>_1`, `<prefix>_2` …, in `chats` (usernames or titles), each with a session."""

    count: Annotated[int, Field(ge=1, le=MAX_ACCOUNTS)]
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{2,24}$")] = "actor"
    first: Annotated[int, Field(ge=1)] = 1
    chats: list[str] = []


class WorldSeed(_Strict):
    """The whole document; `sessions` names further users that get a ready-made session."""

    users: list[SeedUser] = []
    chats: list[SeedChat] = []
    accounts: list[SeedAccounts] = []
    sessions: list[Username] = []
