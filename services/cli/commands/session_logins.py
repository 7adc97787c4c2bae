"""`callboard sessions login`: sign in at Telegram on the node that will run the account.

What is asked for is typed without being shown, or comes line by line from a pipe: the phone number or the bot's token,
the code, the two-step password.
"""

import time
from typing import Annotated, Any

import typer

from services.cli.client import segment
from services.cli.command import Session, command
from services.cli.commands.sessions import assigned
from services.cli.failures import CommandFailed, ExitCode
from services.cli.identifiers import ACCOUNT, NODE
from services.cli.paths import SESSIONS
from services.cli.secrets import typed

ASK_EVERY = 0.5
# The deployer's own limit of a sign-in, and a little.
PATIENCE = 660.0


def register_login(sessions: typer.Typer) -> None:
    """Give the group its command."""
    command(sessions, "login")(login)


def login(
    session: Session,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="What the account is to be called.")],
    node: Annotated[str, typer.Option("--node", metavar="NODE", help="Where it will run; it signs in from there.")],
    bot: Annotated[bool, typer.Option("--bot", help="With a bot's token, not with a phone number.")] = False,
    assign: Annotated[bool, typer.Option("--assign/--no-assign", help="Let the node run it at once.")] = True,
) -> None:
    """Sign in to a new login on the node that will run it.

    With phone number, code and two-step password; then the node runs the account.
    """
    body: dict[str, Any] = {"account_id": ACCOUNT.checked(account), "node_id": NODE.checked(node)}
    body |= {"bot_token": typed("the bot's token")} if bot else {"phone": typed("phone number, in international form")}
    record = session.client.post(f"{SESSIONS}/login", body, missing=NODE.missing(node))
    record = _followed(session, record)
    if record["state"] != "signed_in":
        raise CommandFailed(ExitCode.FAILED, record["reason"] or "the sign-in did not end in time: begin again")
    session.out.note(f"{account} is signed in; the vault has its login as version {record['version']}")
    if assign:
        assigned(session, account, node)
    if session.out.as_json:
        session.out.json(record)
    else:
        session.out.line(f"{account} goes to {node}" if assign else f"{account} is in the vault")


def _followed(session: Session, record: dict[str, Any]) -> dict[str, Any]:
    path = f"{SESSIONS}/login/{segment(record['login_id'])}"
    deadline = time.monotonic() + PATIENCE
    told: str | None = None
    # Signed in at Telegram is not yet stored: the login has to come back from the node.
    while (record["state"] != "signed_in" or record["version"] is None) and record["state"] != "failed":
        if time.monotonic() > deadline:
            return record
        if record["state"] in ("code_wanted", "password_wanted"):
            if record["reason"] and record["reason"] != told:
                told = record["reason"]
                session.out.note(told)
            record = session.client.post(path, {"answer": typed(_question(record))})
            continue
        time.sleep(ASK_EVERY)
        record = session.client.get(path)
    return record


def _question(record: dict[str, Any]) -> str:
    hint = record.get("hint")
    if record["state"] == "code_wanted":
        return f"the code that Telegram sent ({hint})" if hint else "the code that Telegram sent"
    return f"the two-step password (hint: {hint})" if hint else "the two-step password"
