"""`callboard sessions backup|restore`: the vault's logins in one locked file, and back."""

from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.command import Session, command
from services.cli.failures import CommandFailed, ExitCode
from services.cli.identifiers import ACCOUNT
from services.cli.paths import SESSIONS
from services.cli.secrets import of_file, typed
from services.cli.table import Column
from services.cli.transfer import bar, written

RESTORED = (
    Column("account", "account_id"),
    Column("added", "added"),
    Column("was there", "there"),
    Column("current", "current"),
)

PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", metavar="FILE", help="A passphrase; - for stdin.")
]


def register_backups(sessions: typer.Typer) -> None:
    """Give the group its commands."""
    command(sessions, "backup")(back_up)
    command(sessions, "restore")(restore)


def back_up(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to, such as vault.age.")],
    recipient: Annotated[
        list[str] | None, typer.Option("--recipient", metavar="age1...", help="A public key of age; several open it.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    account: Annotated[
        list[str] | None, typer.Option("--account", metavar="ACCOUNT", help="Not all, but these.")
    ] = None,
    current: Annotated[bool, typer.Option("--current", help="Of each account the current version alone.")] = False,
) -> None:
    """Write all logins, or some, into one locked file.

    Only the keys given, or a passphrase, open it.
    """
    if file.exists():
        raise CommandFailed(ExitCode.REFUSED, f"{file} exists: choose another name, or remove it")
    body: dict[str, Any] = {"current_only": current}
    if account:
        body["account_ids"] = ACCOUNT.all_checked(account)
    if recipient:
        body["recipients"] = recipient
    else:
        body["passphrase"] = of_file(passphrase_file) or _new_passphrase()
    with (
        session.client.fetched("POST", f"{SESSIONS}/backup", body=body) as pieces,
        bar(session.out.stderr, "backing up", None) as moved,
    ):
        size = written(file, pieces, moved)
    if session.out.as_json:
        session.out.json({"file": str(file), "size": size})
    else:
        session.out.line(f"{file}: {size} bytes; `callboard sessions restore --check` shows that it can be restored")


def restore(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="As `backup` has written it.")],
    identity: Annotated[
        Path | None, typer.Option("--identity", metavar="FILE", help="The age identity that opens it.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    check: Annotated[bool, typer.Option("--check", help="Say what would be done, and write nothing.")] = False,
) -> None:
    """Bring logins back from a backup.

    All of it is checked first, and what is there stays as it is.
    """
    form = {"identity": _identity_in(identity)} if identity else {}
    if not form:
        form = {"passphrase": of_file(passphrase_file) or typed("passphrase of the backup")}
    with file.open("rb") as archive:
        record = session.client.send_form(
            f"{SESSIONS}/restore", form, (file.name, archive), {"check_only": "true" if check else None}
        )
    if session.out.as_json:
        session.out.json(record)
        return
    if record["items"]:
        session.out.table(record["items"], RESTORED)
    done = "would be added" if record["checked_only"] else "added"
    session.out.note(f"{record['added']} versions {done}, {record['there']} were there")


def _new_passphrase() -> str:
    first = typed("passphrase for the backup")
    if typed("the same again") != first:
        raise CommandFailed(ExitCode.REFUSED, "the two passphrases differ: try again")
    return first


def _identity_in(file: Path) -> str:
    """The identity in a file as `age-keygen` writes it, between its comments."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.strip().startswith("AGE-SECRET-KEY-1"):
            return line.strip()
    raise CommandFailed(ExitCode.REFUSED, f"{file} has no age identity, a line that begins with AGE-SECRET-KEY-1")
