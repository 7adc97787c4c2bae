"""`callboard scripts`: check script files on this machine, store them, and send them out."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli import deploying
from services.cli.cells import age
from services.cli.client import segment
from services.cli.command import Session, command, new_group
from services.cli.commands.nodes import FIRST, Everything, Most
from services.cli.failures import CommandFailed, ExitCode
from services.cli.identifiers import SCRIPT
from services.cli.paths import SCRIPTS
from services.cli.rollout.options import with_policy
from services.cli.rollout.policy import Policy
from services.cli.table import Column, Record

YAML = "application/yaml"

ScriptFile = typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True)

COLUMNS = (
    Column("script", "script_id"),
    Column("version", "latest_version"),
    Column("title", "title", folds=16, spare=1),
    Column("hash", lambda script: deploying.short_hash(script.get("hash")), spare=3),
    Column("stored", lambda script: age(script.get("updated_at")), spare=2),
)

VERSIONS = (
    Column("version", "version"),
    Column("hash", lambda version: deploying.short_hash(version.get("hash"))),
    Column("title", "title", folds=16, spare=1),
    Column("stored", lambda version: age(version.get("created_at"))),
    Column("bytes", "size", spare=2),
)

scripts = new_group("Scripts: check, try, store, send.")


@command(scripts, "list")
def list_scripts(session: Session, limit: Most = FIRST, everything: Everything = False) -> None:
    """The stored scripts, each with its newest version."""
    page = session.client.listing(SCRIPTS, {}, None if everything else limit)
    session.out.listing(page, COLUMNS, "no script is stored yet: `callboard scripts push FILE` stores one")


@command(scripts, "show")
def show_script(
    session: Session,
    script: Annotated[str, typer.Argument(metavar="SCRIPT")],
    version: Annotated[
        int | None, typer.Option("--version", metavar="N", min=1, help="This version, with its text.")
    ] = None,
) -> None:
    """A stored script and its versions, or one version with its text."""
    suffix = "" if version is None else f"/versions/{version}"
    path = f"{SCRIPTS}/{segment(SCRIPT.checked(script))}{suffix}"
    record = session.client.get(path, missing=SCRIPT.missing(script))
    if session.out.as_json:
        session.out.json(record)
        return
    source, versions = record.pop("source", None), record.pop("versions", None)
    session.out.record(record)
    if versions is not None:
        session.out.line("")
        session.out.table(versions, VERSIONS)
    if source is not None:
        session.out.line(f"\n{source}".rstrip("\n"))


@command(scripts, "check")
def check_scripts(session: Session, files: Annotated[list[Path], ScriptFile]) -> None:
    """Check files and run their tests, here.

    Without Telegram and without a connection.
    """
    # The script language loads its parser and templates; no other command should wait for that.
    from services.cli.checking import check_file

    verdicts = [check_file(file) for file in files]
    if session.out.as_json:
        session.out.json([verdict.as_json() for verdict in verdicts])
    else:
        for verdict in verdicts:
            for line in verdict.lines():
                session.out.line(line)
            if verdict.good:
                tested = f"{len(verdict.tests)} tests passed" if verdict.tests else "but it has no tests"
                session.out.line(f"{verdict.file}: good, {tested}")
    bad = sum(not verdict.good for verdict in verdicts)
    if bad:
        raise CommandFailed(ExitCode.FAILED, f"{bad} of {len(verdicts)} files cannot be pushed as they are")


@command(scripts, "push")
@with_policy
def push_script(
    session: Session,
    file: Annotated[Path, ScriptFile],
    deploy: Annotated[bool, typer.Option("--deploy", help="Send it to nodes at once.")] = False,
    nodes: deploying.Nodes = None,
    selector: deploying.Selector = None,
    bind: deploying.Bind = None,
    wait: deploying.Wait = False,
    timeout: deploying.Timeout = deploying.PATIENCE,
    *,
    policy: Policy,
) -> None:
    """Check a file and store it as a new version.

    The same content again is the same version.
    """
    from services.cli.checking import check_file

    if not deploy and (nodes or selector or bind or wait or policy.fields):
        raise typer.BadParameter("--nodes, --selector, --bind, --wait and the options of a rollout go with --deploy")
    order = deploying.deploy_order(nodes, selector, None, bind, policy) if deploy else None
    verdict = check_file(file)
    if not verdict.good:
        raise CommandFailed(ExitCode.REFUSED, f"{file} cannot be pushed as it is; nothing was sent", verdict.lines())
    stored, is_new = session.client.upload(SCRIPTS, verdict.content, YAML)
    if not session.out.as_json:
        session.out.line(_stored(stored) if is_new else _there_already(session, stored))
    deployment = None
    if order is not None:
        # The version is named: somebody else may store another one between the two requests.
        order["version"] = stored.get("version")
        deployment = deploying.start(session, str(stored["script_id"]), order, policy, wait=wait)
        if wait:
            deployment = deploying.watch_to_the_end(session, str(deployment["deployment_id"]), timeout)
    if session.out.as_json:
        session.out.json({"script": stored, "deployment": deployment})
    if deployment is not None and wait:
        deploying.judge(deployment)


def _stored(version: Record) -> str:
    return f"{version.get('script_id')} version {version.get('version')} is stored ({_hash(version)})"


def _there_already(session: Session, version: Record) -> str:
    """Whoever pushes an older text again has to know that it is not the newest by that."""
    script, number = str(version.get("script_id")), version.get("version")
    newest = session.client.get(f"{SCRIPTS}/{segment(script)}", missing=SCRIPT.missing(script)).get("latest_version")
    place = "the newest" if newest == number else f"the newest is {newest}"
    return f"{script}: this is version {number} already ({_hash(version)}), {place}"


def _hash(version: Record) -> str:
    return deploying.short_hash(version.get("hash"))
