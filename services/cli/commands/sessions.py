"""`callboard sessions`: the vault. Logins are uploaded, listed, chosen, handed to nodes; they are shown to nobody.

A file's name is its account's, unless one is given. A folder of Telegram Desktop's (`tdata`) is packed here, without
its caches. What a file is, is told by its content, where it is stored.
"""

import io
import re
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.cells import age
from services.cli.client import segment
from services.cli.command import Session, command, new_group
from services.cli.commands.nodes import FIRST, Everything, Most
from services.cli.failures import CommandFailed, ExitCode
from services.cli.identifiers import ACCOUNT, NODE
from services.cli.paths import SESSIONS
from services.cli.secrets import of_file
from services.cli.table import Column, Record
from services.cli.transfer import Bar, bar, written

Account = Annotated[str, typer.Argument(metavar="ACCOUNT")]
Version = Annotated[
    int | None, typer.Option("--version", metavar="N", min=1, help="Not the current one, but this one.")
]

# What holds logins in a folder of Telegram Desktop's.
_TDATA = re.compile(r"(key_data[s01]?|[0-9A-F]{16}[s01]|[0-9A-F]{16}/(map|config)s?[01]?)")
_RAW, _ZIP = "application/octet-stream", "application/zip"


@dataclass(frozen=True)
class Parcel:
    """One upload: a file, or a folder that was packed."""

    name: str
    content: bytes = field(repr=False)
    media_type: str = _RAW


def _holder(session: Record) -> str:
    held = session.get("held_by") or {}
    return str(held.get("node_id", "")) if held.get("held") else ""


COLUMNS = (
    Column("account", "account_id"),
    Column("node", _holder),
    Column("version", lambda one: one["current"].get("version")),
    Column("versions", "versions", spare=4),
    Column("origin", lambda one: one["current"].get("origin")),
    Column("form", lambda one: one["current"].get("form"), spare=3),
    Column("last state", lambda one: age(one.get("synced_at")), spare=1),
    Column("stored", lambda one: age(one["current"].get("stored_at")), spare=2),
)
VERSIONS = (
    Column("version", "version"),
    Column("current", lambda one: "current" if one.get("current") else ""),
    Column("origin", "origin"),
    Column("form", "form", spare=2),
    Column("from", lambda one: one.get("by") or one.get("node_id")),
    Column("epoch", "epoch", spare=4),
    Column("user", "user_id", spare=3),
    Column("stored", lambda one: age(one.get("stored_at"))),
    Column("hash", "hash", spare=5),
)
UPLOADED = (
    Column("file", "name"),
    Column("account", "account_id"),
    Column("version", "version"),
    Column("form", "form", spare=1),
    Column("result", lambda one: one.get("refused") or ("stored" if one.get("added") else "was there"), folds=30),
)

sessions = new_group("Logins of accounts, in the vault.")


@command(sessions, "list")
def list_sessions(session: Session, limit: Most = FIRST, everything: Everything = False) -> None:
    """The accounts whose login the vault has.

    Which version, which node has it, when its state last came back.
    """
    page = session.client.listing(SESSIONS, {}, None if everything else limit)
    session.out.listing(page, COLUMNS, "the vault is empty: `callboard sessions upload` or `login` brings the first")


@command(sessions, "show")
def show_session(session: Session, account: Account, limit: Most = FIRST, everything: Everything = False) -> None:
    """An account's login with its versions, the newest first."""
    found = session.client.get(_path(account), missing=_missing(account))
    page = session.client.listing(f"{_path(account)}/versions", {}, None if everything else limit)
    if session.out.as_json:
        session.out.json({**found, "versions": page["items"], "next_cursor": page["next_cursor"]})
        return
    held = found.get("held_by") or {}
    holder = f"{held.get('node_id')} (epoch {held.get('epoch')}{'' if held.get('held') else ', given back'})"
    session.out.fields(
        {
            "account": found["account_id"],
            "node": holder if held else None,
            "last state": age(found.get("synced_at")),
            "in the vault since": age(found.get("created_at")),
        }
    )
    session.out.line("")
    session.out.listing(page, VERSIONS, "it has no versions")


@command(sessions, "upload")
def upload_sessions(
    session: Session,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Session files, zips, folders; - for a string from stdin.")
    ],
    account: Annotated[
        str | None, typer.Option("--account", metavar="ACCOUNT", help="Whose login it is; else the file's name.")
    ] = None,
    passcode_file: Annotated[
        Path | None, typer.Option("--passcode-file", metavar="FILE", help="Of a tdata folder that is locked.")
    ] = None,
) -> None:
    """Bring logins into the vault.

    Telethon's and Pyrogram's files and strings, and Telegram Desktop's tdata.
    """
    parcels = [parcel for file in files for parcel in _parcels(file)]
    if account is not None and len(parcels) > 1:
        raise CommandFailed(ExitCode.REFUSED, f"--account names one login, and these are {len(parcels)} files")
    given = None if account is None else ACCOUNT.checked(account)
    passcode = of_file(passcode_file)
    items: list[Record] = []
    with bar(session.out.stderr, "uploading", sum(len(parcel.content) for parcel in parcels)) as moved:
        for parcel in parcels:
            items += _uploaded(session, parcel, given, passcode, moved)
    refused = sum(bool(item.get("refused")) for item in items)
    if session.out.as_json:
        session.out.json({"stored": len(items) - refused, "refused": refused, "items": items})
    else:
        session.out.table(items, UPLOADED)
    if refused:
        raise CommandFailed(ExitCode.REFUSED, f"{refused} of {len(items)} logins were not taken")


@command(sessions, "download")
def download_session(
    session: Session,
    account: Account,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to.")] = None,
    version: Version = None,
) -> None:
    """Write a login in the clear into a file, for whoever may.

    The audit log has it. Do not use it beside a node.
    """
    path = output or Path(f"{ACCOUNT.checked(account)}.session")
    asked = {"version": version}
    with (
        session.client.fetched(
            "GET", f"{_path(account)}/download", parameters=asked, missing=_missing(account)
        ) as pieces,
        bar(session.out.stderr, "downloading", None) as moved,
    ):
        size = written(path, pieces, moved)
    if session.out.as_json:
        session.out.json({"account_id": account, "file": str(path), "size": size})
    else:
        session.out.line(f"{path}: whoever has this file is signed in as {account}")


@command(sessions, "use")
def use_version(
    session: Session, account: Account, version: Annotated[int, typer.Argument(metavar="VERSION", min=1)]
) -> None:
    """Make a version current.

    A node that runs the account starts again with it.
    """
    record = session.client.post(f"{_path(account)}/use", {"version": version}, missing=_missing(account))
    if session.out.as_json:
        session.out.json(record)
    else:
        session.out.line(f"{account} goes by version {record['version']} from now on")


@command(sessions, "assign")
def assign_session(session: Session, account: Account, node: Annotated[str, typer.Argument(metavar="NODE")]) -> None:
    """Let a node run an account: its login is sealed to that node. Another node that runs it gives it back first."""
    record = assigned(session, account, node)
    if session.out.as_json:
        session.out.json(record)
    else:
        session.out.line(f"{account} goes to {node}; `callboard sessions show {account}` shows when it has it")


@command(sessions, "remove")
def remove_session(session: Session, account: Account) -> None:
    """Forget an account's login with all its versions.

    At Telegram it goes on to exist until it is ended there.
    """
    record = session.client.delete(_path(account), missing=_missing(account))
    if session.out.as_json:
        session.out.json(record)
    else:
        session.out.line(f"the vault has no login of {account} any more")


@command(sessions, "rotate-key")
def rotate_key(session: Session) -> None:
    """Seal everything anew under the master key in front.

    When that is done, the others may go.
    """
    resealed = 0
    while True:
        record = session.client.post(f"{SESSIONS}/rotate-key")
        resealed += record["resealed"]
        if not record["left"] or not record["resealed"]:
            break
        session.out.note(f"{resealed} sealed anew, {record['left']} left")
    if session.out.as_json:
        session.out.json({**record, "resealed": resealed})
    elif not record["left"]:
        session.out.line(f"{resealed} sealed anew; everything is under key {record['active']}: the others may go")
    if record["left"]:
        others = ", ".join(key for key in record["under"] if key != record["active"])
        sentence = f"{record['left']} secrets are under other keys still ({others}): bring those keys back, and repeat"
        raise CommandFailed(ExitCode.FAILED, sentence)


def assigned(session: Session, account: str, node: str) -> Record:
    """Ask the registry to let a node run an account."""
    return session.client.post(
        f"{_path(account)}/assign", {"node_id": NODE.checked(node)}, missing=ACCOUNT.missing(account)
    )


def _uploaded(
    session: Session, parcel: Parcel, account: str | None, passcode: str | None, moved: Bar
) -> list[dict[str, Any]]:
    parameters = {"account_id": account, "file_name": parcel.name[-200:]}
    try:
        if passcode is not None:
            form = {"passcode": passcode} | ({"account_id": account} if account else {})
            answer = session.client.send_form(SESSIONS, form, (parcel.name, io.BytesIO(parcel.content)), None)
        else:
            pieces = moved.pieces(parcel.content, parcel.name)
            answer = session.client.send(SESSIONS, pieces, parcel.media_type, len(parcel.content), parameters)
        return list(answer["items"])
    except CommandFailed as failed:
        # What is wrong with one file says nothing of the next; a connection that is gone does.
        if failed.kind not in ("session-refused", "login-of-another-account", "body-too-large"):
            raise
        return [{"name": parcel.name, "account_id": account, "refused": failed.sentence}]


def _parcels(path: Path) -> Iterator[Parcel]:
    if str(path) == "-":
        yield Parcel("stdin", sys.stdin.buffer.read())
    elif not path.is_dir():
        content = path.read_bytes()
        yield Parcel(path.name, content, _ZIP if content.startswith(b"PK") else _RAW)
    elif home := next((each for each in (path, path / "tdata") if list(each.glob("key_data*"))), None):
        named = path.resolve() if path.resolve().name != "tdata" else path.resolve().parent
        yield Parcel(f"{named.name}.zip", _packed(home), _ZIP)
    else:
        found = sorted(path.glob("*.session"))
        if not found:
            raise CommandFailed(ExitCode.REFUSED, f"{path} has no *.session files, and is no tdata folder")
        for file in found:
            yield Parcel(file.name, file.read_bytes())


def _packed(home: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(home.rglob("*")):
            name = file.relative_to(home).as_posix()
            if file.is_file() and _TDATA.fullmatch(name):
                archive.writestr(f"tdata/{name}", file.read_bytes())
    return packed.getvalue()


def _path(account: str) -> str:
    return f"{SESSIONS}/{segment(ACCOUNT.checked(account))}"


def _missing(account: str) -> str:
    return f"the vault has no login of {account!r}: `callboard sessions` lists all, `upload` or `login` brings one"
