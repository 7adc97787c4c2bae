"""`callboard scripts diff`: what changed between two stored versions, or from the newest stored one to a file."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from services.cli.cells import visible
from services.cli.client import segment
from services.cli.command import Session, command
from services.cli.failures import CommandFailed, ExitCode
from services.cli.identifiers import SCRIPT
from services.cli.paths import SCRIPTS
from services.cli.table import Record

# The two lines of a unified difference that name what is compared.
_HEADINGS = 2
_STYLES = {"@": "cyan", "+": "green", "-": "red"}


def register_diff(group: typer.Typer) -> None:
    """Give the group its `diff`."""
    command(group, "diff")(diff)


def diff(
    session: Session,
    what: Annotated[str, typer.Argument(metavar="SCRIPT|FILE")],
    since: Annotated[
        int | None, typer.Option("--from", metavar="N", min=1, help="This version; else the one before --to.")
    ] = None,
    to: Annotated[int | None, typer.Option("--to", metavar="N", min=1, help="That version; else the newest.")] = None,
) -> None:
    """Show what changed in a script, or what a file would change.

    A file is compared with the newest stored version of its id. Exit code 0 whether or not anything differs.
    """
    if Path(what).is_file():
        if since or to:
            raise typer.BadParameter(f"--from and --to are for stored scripts, and {what} is a file here")
        _show(session, _of_file(session, Path(what)))
    elif "/" in what or what.endswith((".yaml", ".yml")):
        raise typer.BadParameter(f"there is no file {what}")
    else:
        _show(session, _of_versions(session, SCRIPT.checked(what), since, to))


def _of_versions(session: Session, script: str, since: int | None, to: int | None) -> Record:
    path = f"{SCRIPTS}/{segment(script)}"
    missing = SCRIPT.missing(script)
    newer = to or session.client.get(path, missing=missing)["latest_version"]
    older = since or max(newer - 1, 1)
    return session.client.get(f"{path}/versions/{newer}/difference", {"since": older}, missing=missing)


def _of_file(session: Session, file: Path) -> Record:
    """The same for a file, which need not be right: one compares because something is wrong."""
    # The script language loads its parser and templates; comparing stored versions should not wait for that.
    from shared.scripts.difference import difference

    content, script = _read(file)
    path = f"{SCRIPTS}/{segment(script)}"
    missing = f"{script!r} is not stored yet: `callboard scripts push {file}` stores its first version"
    newest = session.client.get(path, missing=missing)["latest_version"]
    stored = str(session.client.get(f"{path}/versions/{newest}", missing=missing)["source"])
    change = difference(stored, content, older_name=f"{script} version {newest}", newer_name=str(file))
    return {
        "script_id": script,
        "from_version": newest,
        "to_file": str(file),
        "same_bytes": stored == content,
        "added": change.added,
        "removed": change.removed,
        "unified": change.unified,
    }


def _read(file: Path) -> tuple[str, str]:
    """The file's text and the id in it. Raises CommandFailed for a file in which no id can be read."""
    from services.cli.checking import content_of
    from shared.scripts.source import Document, read_document

    text = content_of(file).decode(errors="replace")
    document = read_document(text)
    if not isinstance(document, Document):
        raise CommandFailed(ExitCode.FAILED, f"{file} cannot be read as a script", [f"{file}:{document}"])
    script = document.value_at(("id",))
    if not isinstance(script, str):
        raise CommandFailed(ExitCode.FAILED, f"{file} does not say its id, so there is nothing to compare it with")
    return text, SCRIPT.checked(script)


def _show(session: Session, change: Record) -> None:
    if session.out.as_json:
        session.out.json(change)
        return
    for number, line in enumerate(str(change.get("unified") or "").splitlines()):
        style = "bold" if number < _HEADINGS else _STYLES.get(line[:1], "")
        session.out.styled(Text(visible(line), style=style))
    # Beside it, so that what stands in a pipe is a difference and nothing else.
    session.out.note(_sum(change))


def _sum(change: Record) -> str:
    newer = change.get("to_file") or f"version {change.get('to_version')}"
    between = f"{change.get('script_id')}: version {change.get('from_version')} to {newer}"
    if change.get("unified"):
        return f"{between}: {change.get('added')} lines added, {change.get('removed')} removed"
    if change.get("from_version") == change.get("to_version"):
        return f"{change.get('script_id')} has no version before {newer} to compare it with"
    return f"{between}: the same" if change.get("same_bytes", True) else f"{between}: only ends of lines differ"
