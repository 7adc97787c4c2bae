"""`callboard tokens` and `callboard whoami`: who may ask, with which role and until when."""

from typing import Annotated, Any

import typer

from services.cli.cells import age
from services.cli.client import segment
from services.cli.command import Session, command, new_group
from services.cli.commands.nodes import FIRST, Everything, Most
from services.cli.failures import CommandFailed, ExitCode
from services.cli.identifiers import TOKEN, TOKEN_NAME
from services.cli.paths import TOKENS, WHOAMI
from services.cli.rollout.wording import NotUnderstood, seconds
from services.cli.table import Column, Record
from shared.contracts.roles import Role

FOREVER = "forever"

COLUMNS = (
    Column("token", "id"),
    Column("name", "name"),
    Column("role", "role"),
    Column("opens", "opens"),
    Column("ends", lambda token: token.get("ends_at") or "never", spare=1),
    Column("last used", lambda token: age(token.get("last_used_at")) or "never"),
    Column("made", lambda token: age(token.get("created_at")), spare=3),
    Column("by", "created_by", spare=4),
    Column("revoked", lambda token: age(token.get("revoked_at")), spare=2),
)

tokens = new_group("Tokens of people and programs.")


@command(tokens, "list")
def list_tokens(
    session: Session,
    dead: Annotated[bool, typer.Option("--dead", help="Also those that have ended or were revoked.")] = False,
    limit: Most = FIRST,
    everything: Everything = False,
) -> None:
    """The tokens, by name; what each opens, and when it was used last."""
    page = session.client.listing(TOKENS, {"dead": "true"} if dead else {}, None if everything else limit)
    session.out.listing(page, COLUMNS, "there are no tokens but the installation's own, which is not listed")


@command(tokens, "create")
def create_token(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of a person or a program; the audit log has it.")],
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="viewer reads, operator changes, admin all.")],
    valid: Annotated[
        str, typer.Option("--valid", metavar="TIME", help="How long, such as 12h or 90d, or 'forever'.")
    ] = "90d",
) -> None:
    """Make a token and print it, this once: nothing shows it again."""
    body = {"name": TOKEN_NAME.checked(name), "role": _role(role), "valid_seconds": _valid(valid)}
    made = session.client.post(TOKENS, body)
    if session.out.as_json:
        session.out.json(made)
        return
    session.out.line(str(made["token"]))
    until = f"until {made['ends_at']}" if made.get("ends_at") else "until it is revoked"
    session.out.note(f"this is {made['name']}'s token, with the role {made['role']}, {until}; it is not shown again")


@command(tokens, "revoke")
def revoke_token(
    session: Session,
    # Not `token`: that is the option of every command.
    which: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id, or the name it has now.")],
) -> None:
    """Let a token open nothing any more, within a few seconds."""
    found = _found(session, which)
    revoked = session.client.post(f"{TOKENS}/{segment(found)}/revoke", missing=TOKEN.missing(which))
    if session.out.as_json:
        session.out.json(revoked)
    else:
        session.out.line(f"{revoked['name']}'s token {revoked['id']} is revoked")


def register_whoami(app: typer.Typer) -> None:
    """`callboard whoami`."""

    @command(app, "whoami")
    def whoami(session: Session) -> None:
        """The name and the role of the token in use."""
        asker: Record = session.client.get(WHOAMI)
        session.out.record({name: value for name, value in asker.items() if session.out.as_json or value is not None})


def _found(session: Session, token: str) -> str:
    """The id of a token that was given by its id or its name."""
    if token.startswith("tok_"):
        return TOKEN.checked(token)
    # One that has ended can still be revoked, which gives its name free.
    items: list[dict[str, Any]] = session.client.listing(TOKENS, {"dead": "true"}, None)["items"]
    living = [one for one in items if one.get("name") == token and one.get("revoked_at") is None]
    if not living:
        raise CommandFailed(ExitCode.NOT_FOUND, TOKEN.missing(token))
    return str(living[0]["id"])


def _role(role: str) -> str:
    people = [one.value for one in Role if one is not Role.NODE]
    if role not in people:
        sentence = f"{role!r} is no role of people or programs: there are {', '.join(people)}"
        raise CommandFailed(ExitCode.REFUSED, sentence)
    return role


def _valid(text: str) -> int | None:
    if text == FOREVER:
        return None
    try:
        return seconds(text)
    except NotUnderstood as error:
        raise CommandFailed(ExitCode.REFUSED, f"--valid: {error}") from None
