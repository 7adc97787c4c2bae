"""`callboard sandbox`: what is said in the demo's chat, and saying something in it as a guest.

It asks the Telegram sandbox's admin API, whose address `callboard up` leaves in the connection's file.
"""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import typer

from services.cli.client import PAGE, Client, Record, segment
from services.cli.command import SandboxUrl, Session, command, new_group
from services.cli.failures import CommandFailed, ExitCode
from services.cli.paths import SANDBOX_CHATS, SANDBOX_SESSIONS, SANDBOX_USERS

ASK_EVERY = 0.5
FIRST = 20
# Telegram's own longest message, and its longest first name.
LONGEST_TEXT = 4096
LONGEST_NAME = 64

Chat = Annotated[
    str | None, typer.Option("--chat", metavar="CHAT", help="Its username, title or id; else the sandbox's first one.")
]

sandbox = new_group("What is said in the demo's Telegram, and saying it.", lists=False, url=SandboxUrl)


@command(sandbox, "chat", url=SandboxUrl)
def show_chat(
    session: Session,
    chat: Chat = None,
    number: Annotated[
        int, typer.Option("-n", "--number", metavar="N", min=1, max=PAGE, help="The last so many messages.")
    ] = FIRST,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what will be said, until Ctrl-C.")] = False,
) -> None:
    """Print what was said in the chat, the newest last."""
    room = _room(session.sandbox, chat)
    names = _Names(session.sandbox)
    messages = _messages(session.sandbox, room, number)
    for message in messages:
        _show(session, message, names)
    if not messages:
        session.out.note(f"nothing was said in {room['title']} yet")
    if follow:
        for message in _later(session, room, messages):
            _show(session, message, names)


@command(sandbox, "say", url=SandboxUrl)
def say(
    session: Session,
    words: Annotated[list[str], typer.Argument(metavar="TEXT...", help="What the guest says.")],
    chat: Chat = None,
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="The guest's first name; a new guest joins the chat.")
    ] = "Guest",
) -> None:
    """Say something in the chat as a guest.

    `callboard sandbox chat` shows what the accounts answer.
    """
    text = " ".join(words)
    _look_at(text, name)
    room = _room(session.sandbox, chat)
    guest = _guest(session.sandbox, name)
    path = f"{SANDBOX_CHATS}/{room['chat_id']}"
    session.sandbox.post(f"{path}/members", {"user_ids": [guest["user_id"]]})
    message = session.sandbox.post(f"{path}/messages", {"user_id": guest["user_id"], "text": text})
    _show(session, message, _Names(session.sandbox))


class _Names:
    """First names by user id, as people in the chat see them; asked again when somebody is new."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[int, str] = {}

    def of(self, message: Record) -> str:
        sender = message["sender_id"]
        if sender not in self._known:
            self._known = {user["user_id"]: user["first_name"] for user in self._client.rows(SANDBOX_USERS)}
        return self._known.get(sender, str(sender))


def _look_at(text: str, name: str) -> None:
    for what, given, longest in (("what is said", text, LONGEST_TEXT), ("a guest's name", name, LONGEST_NAME)):
        if not given.strip():
            raise CommandFailed(ExitCode.REFUSED, f"{what} must not be empty")
        if len(given) > longest:
            raise CommandFailed(ExitCode.REFUSED, f"{what} has at most {longest} characters: this has {len(given)}")


def _room(client: Client, chat: str | None) -> Record:
    if chat is not None and not chat.strip():
        raise CommandFailed(ExitCode.REFUSED, "--chat names nothing: leave it out for the sandbox's first chat")
    if chat is not None:
        missing = f"the sandbox has no chat {chat!r}: a username, a title or an id is wanted"
        return client.get(f"{SANDBOX_CHATS}/{segment(chat)}", missing=missing)
    rooms = client.rows(SANDBOX_CHATS)
    if not rooms:
        raise CommandFailed(ExitCode.NOT_FOUND, "the sandbox has no chat yet: `callboard up` makes the demo's")
    return rooms[0]


def _guest(client: Client, name: str) -> Record:
    """Whoever has this first name and no way to speak without us; made if there is nobody."""
    named = [user for user in client.rows(SANDBOX_USERS) if user["first_name"] == name]
    signed_in = {login["user_id"] for login in client.rows(SANDBOX_SESSIONS)}
    if any(user["user_id"] in signed_in for user in named):
        sentence = f"{name} is no guest but an account with a login, which speaks for itself: give another name"
        raise CommandFailed(ExitCode.REFUSED, sentence)
    guests = [user for user in named if not user["phone"] and not user["bot"]]
    return guests[0] if guests else client.post(SANDBOX_USERS, {"first_name": name})


def _messages(client: Client, room: Record, most: int, after: int = 0) -> list[Record]:
    return client.rows(f"{SANDBOX_CHATS}/{room['chat_id']}/messages", {"after": after, "limit": most})


def _later(session: Session, room: Record, before: list[Record]) -> Iterator[Record]:
    """What is said after these, without an end; a sandbox that is away is asked again."""
    last = before[-1]["message_id"] if before else 0
    away = False
    while True:
        time.sleep(ASK_EVERY)
        try:
            messages = _messages(session.sandbox, room, PAGE, after=last)
        except CommandFailed as failed:
            if not failed.passing:
                raise
            if not away:
                session.out.note(f"{failed.gist}; asking again")
            away = True
            continue
        if away:
            session.out.note("the sandbox answers again")
        away = False
        for message in messages:
            last = message["message_id"]
            yield message


def _show(session: Session, message: Record, names: _Names) -> None:
    if session.out.as_json:
        session.out.json({**message, "name": names.of(message)}, on_one_line=True)
        return
    said = f" {message['action']}" if message["action"] else f": {message['text']}"
    at = datetime.fromtimestamp(message["date"]).astimezone().strftime("%H:%M:%S")
    # Only a time stands at the beginning of a line.
    session.out.line(f"{at}  {names.of(message)}{said}".replace("\n", "\n" + " " * (len(at) + 2)))
