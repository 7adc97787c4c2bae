"""`callboard audit`: who did what, and whether the log of it is whole.

Each service has a chain of its own. `verify` reads them whole and computes every hash anew, here: it believes no
service. What it cannot see from inside is that the newest rows were taken away; therefore it prints where each chain
ends, to be kept elsewhere and given to the next run.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import typer

from services.cli.client import PAGE
from services.cli.command import Session, command, new_group
from services.cli.commands.nodes import FIRST
from services.cli.failures import CommandFailed, ExitCode
from services.cli.paths import AUDIT
from services.cli.table import Column, Record
from shared.audit.chain import Broken, Head, Row, Walk, read_row

SERVICES = ("registry", "deployer")


def _what(row: Record) -> str:
    return f"{row.get('method')} {row.get('path')}"


def _outcome(row: Record) -> str:
    status, problem = row.get("status"), row.get("problem")
    return "" if status is None else f"{status} {problem}" if problem else str(status)


COLUMNS = (
    Column("at", "at"),
    Column("who", "actor"),
    Column("role", "role", spare=3),
    Column("row", "phase"),
    Column("what", _what, folds=24),
    Column("outcome", _outcome, folds=8),
    Column("fields", "fields", folds=16, spare=2),
    Column("from", "address", spare=4),
    Column("request", "request_id", spare=5),
    Column("service", "service", spare=6),
)

audit = new_group("Who did what.")

Service = Annotated[str | None, typer.Option("--service", metavar="NAME", help="Only of the registry or the deployer.")]


@command(audit, "list")
def list_audit(
    session: Session,
    actor: Annotated[str | None, typer.Option("--actor", metavar="NAME", help="Only what this one did.")] = None,
    phase: Annotated[
        str | None, typer.Option("--row", metavar="KIND", help="Only intent, outcome, refused or sign-in.")
    ] = None,
    request: Annotated[str | None, typer.Option("--request", metavar="ID", help="Only of this request.")] = None,
    service: Service = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=PAGE, help="At most so many.")] = FIRST,
) -> None:
    """What was done, tried and refused, the newest first."""
    asked = {"actor": actor, "phase": phase, "request_id": request, "limit": limit}
    rows = [row for one in _services(service) for row in session.client.get(f"{AUDIT}/{one}", asked)["items"]]
    newest = sorted(rows, key=lambda row: str(row.get("at")), reverse=True)[:limit]
    session.out.listing({"items": newest, "next_cursor": None}, COLUMNS, "nothing of that kind was done")
    if len(rows) > limit or len(newest) == limit:
        session.out.note(f"there may be more than these {limit}: say a higher --limit, or what to look for")


@dataclass(frozen=True)
class _Verified:
    """A chain that was gone along, as far as it holds."""

    service: str
    head: Head
    broken: Broken | None


@command(audit, "verify")
def verify_audit(
    session: Session,
    service: Service = None,
    expect: Annotated[
        list[str] | None,
        typer.Option("--expect", metavar="SERVICE:NUMBER:HASH", help="A row that an earlier run has printed."),
    ] = None,
) -> None:
    """Compute the audit log's chains anew.

    Row by row; the first row that is not as it was written is named.
    """
    expected = dict(_expected(one) for one in expect or [])
    verified = [_verify(session, one, expected.get(one)) for one in _services(service)]
    if session.out.as_json:
        session.out.json({"chains": [_record(one) for one in verified]})
    else:
        for one in verified:
            if one.broken is None:
                session.out.line(f"{one.service}: {one.head.number} rows, all as they were written")
                session.out.line(f"  --expect {one.service}:{one.head.number}:{one.head.hash}")
    bad = [one for one in verified if one.broken is not None]
    if bad:
        details = [f"{one.service}, row {one.broken.number}: {one.broken.reason}" for one in bad if one.broken]
        raise CommandFailed(ExitCode.FAILED, "the audit log is not as it was written", details)


def _verify(session: Session, service: str, expected: Head | None) -> _Verified:
    walk = Walk()
    for rows in _pages(session, service):
        broken = walk.on(rows)
        if broken is not None:
            return _Verified(service, walk.head, broken)
        passed = [row.hash for row in rows if expected is not None and row.number == expected.number]
        if expected is not None and passed and passed[0] != expected.hash:
            return _Verified(service, walk.head, Broken(expected.number, "an earlier run has seen another row here"))
    if expected is not None and walk.head.number < expected.number:
        reason = f"an earlier run has seen it, and now the log ends with row {walk.head.number}"
        return _Verified(service, walk.head, Broken(expected.number, reason))
    return _Verified(service, walk.head, None)


def _pages(session: Session, service: str) -> Iterator[list[Row]]:
    cursor: str | None = None
    while True:
        page = session.client.get(f"{AUDIT}/{service}", {"order": "oldest", "limit": PAGE, "cursor": cursor})
        try:
            yield [read_row(row) for row in page["items"]]
        except (KeyError, TypeError, ValueError) as error:
            sentence = f"the {service} tells rows of a form that is not known here: is this command line older than it?"
            raise CommandFailed(ExitCode.FAILED, sentence) from error
        cursor = page.get("next_cursor")
        if not cursor:
            return


def _expected(text: str) -> tuple[str, Head]:
    found = re.fullmatch(r"(\w+):(\d+):([0-9a-f]{64})", text)
    if found is None or found[1] not in SERVICES:
        raise CommandFailed(ExitCode.REFUSED, f"--expect: {text!r} is not what an earlier run has printed")
    return found[1], Head(int(found[2]), found[3])


def _services(service: str | None) -> tuple[str, ...]:
    if service is None:
        return SERVICES
    if service not in SERVICES:
        raise CommandFailed(ExitCode.REFUSED, f"{service!r} keeps no audit log: there are {' and '.join(SERVICES)}")
    return (service,)


def _record(one: _Verified) -> Record:
    broken = None if one.broken is None else {"number": one.broken.number, "reason": one.broken.reason}
    return {"service": one.service, "number": one.head.number, "hash": one.head.hash, "broken": broken}
