"""`callboard servers`: machines that are reached by SSH; what they are, how they are, and what is brought there.

Logins come from files, never from the command line, where every user of the machine could read them.
"""

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.cells import age
from services.cli.client import segment
from services.cli.command import Session, command, new_group
from services.cli.commands.nodes import FIRST, Everything, Most
from services.cli.failures import CommandFailed, ExitCode
from services.cli.identifiers import NODE, SCRIPT, SERVER
from services.cli.paths import ENROLMENTS, SERVERS
from services.cli.table import Column, Record

ServerId = Annotated[str, typer.Argument(metavar="SERVER")]

# An installation says something new every few seconds.
ASK_EVERY = 1.0
# A little more than the deployer's own limit for an installation.
PATIENCE = 1_080.0

COLUMNS = (
    Column("server", "server_id"),
    Column("state", "state"),
    Column("address", lambda one: f"{one.get('user')}@{one.get('host')}:{one.get('port')}", spare=1),
    Column("login", "login", spare=3),
    Column("node", "node_id", spare=2),
    Column("link", "link", spare=4),
    Column("added", lambda one: age(one.get("created_at")), spare=5),
)

servers = new_group("Machines that are reached by SSH.")


Key = Annotated[Path | None, typer.Option("--key", metavar="FILE", help="A private key.")]
PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", metavar="FILE", help="The key's passphrase; - for stdin.")
]
PasswordFile = Annotated[
    Path | None, typer.Option("--password-file", metavar="FILE", help="A password, in place of a key; - for stdin.")
]
OwnAgent = Annotated[bool, typer.Option("--agent", help="The deployer's own SSH agent has the key.")]


@command(servers, "list")
def list_servers(session: Session, limit: Most = FIRST, everything: Everything = False) -> None:
    """The servers, as they are registered."""
    page = session.client.listing(SERVERS, {}, None if everything else limit)
    session.out.listing(page, COLUMNS, "no server is registered")


@command(servers, "show")
def show_server(session: Session, server: ServerId) -> None:
    """One server as it is registered, with its host key."""
    session.out.record(session.client.get(_path(server), missing=SERVER.missing(server)))


@command(servers, "add")
def add_server(
    session: Session,
    server: Annotated[str, typer.Argument(metavar="SERVER", help="A name for it.")],
    host: Annotated[str, typer.Argument(metavar="HOST")],
    user: Annotated[str, typer.Option("--user", metavar="USER", help="Who logs in there.")],
    port: Annotated[int, typer.Option("--port", metavar="N", min=1, max=65535, help="Where sshd listens.")] = 22,
    key: Key = None,
    passphrase_file: PassphraseFile = None,
    password_file: PasswordFile = None,
    agent: OwnAgent = False,
    directory: Annotated[
        str | None, typer.Option("--directory", metavar="DIR", help="Where everything of Callboard is there.")
    ] = None,
    node: Annotated[
        str | None, typer.Option("--node", metavar="NODE", help="The node that the agent there is.")
    ] = None,
    link: Annotated[bool, typer.Option("--link", help="Move the agent's messages over SSH.")] = False,
) -> None:
    """Register a server and show its host key.

    Nobody logs in before it is confirmed.
    """
    body: dict[str, Any] = {
        "server_id": SERVER.checked(server),
        "host": host,
        "port": port,
        "user": user,
        "login": _login(key, passphrase_file, password_file, agent),
        "link": link,
    }
    body |= {"node_id": NODE.checked(node)} if node else {}
    body |= {"directory": directory} if directory else {}
    _show_key(session, session.client.post(SERVERS, body))


@command(servers, "login")
def change_login(
    session: Session,
    server: ServerId,
    user: Annotated[str | None, typer.Option("--user", metavar="USER", help="Somebody else logs in there.")] = None,
    key: Key = None,
    passphrase_file: PassphraseFile = None,
    password_file: PasswordFile = None,
    agent: OwnAgent = False,
) -> None:
    """Change how one logs in on a server; its host key stays confirmed."""
    body = {**_login(key, passphrase_file, password_file, agent), **({"user": user} if user else {})}
    record = session.client.put(f"{_path(server)}/login", body, missing=SERVER.missing(server))
    if session.out.as_json:
        session.out.json(record)
    else:
        session.out.line(f"{record['user']} logs in on {record['server_id']} with: {record['login']}")


@command(servers, "scan")
def scan_server(session: Session, server: ServerId) -> None:
    """See which host key a server shows now.

    Another one than before has to be confirmed.
    """
    _show_key(session, _post(session, server, "scan"))


@command(servers, "confirm")
def confirm_server(
    session: Session, server: ServerId, fingerprint: Annotated[str, typer.Argument(metavar="SHA256:...")]
) -> None:
    """Confirm a host key by its fingerprint.

    From now on the server must show this one.
    """
    record = _post(session, server, "confirm", {"fingerprint": fingerprint})
    if session.out.as_json:
        session.out.json(record)
    else:
        session.out.line(f"{record['server_id']} is confirmed")


@command(servers, "test")
def test_server(session: Session, server: ServerId) -> None:
    """Log in, ask one thing, and leave."""
    session.out.record(_post(session, server, "test"))


@command(servers, "status")
def look_at_server(session: Session, server: ServerId) -> None:
    """How a server is now: load, memory, disk, and its agent."""
    session.out.record(session.client.get(f"{_path(server)}/status", missing=SERVER.missing(server)))


@command(servers, "install")
def install_agent(
    session: Session,
    server: ServerId,
    settings: Annotated[
        Path | None,
        typer.Option("--settings", metavar="FILE", help="The agent's settings as NAME=VALUE lines; else they stay."),
    ] = None,
) -> None:
    """Install or upgrade the agent, and wait for its first beat."""
    body: dict[str, Any] = {"settings": None}
    if settings is not None:
        # Used up only by a machine that is no node yet.
        body = {"settings": _settings_in(settings), "join_token": _join_token(session, server)}
    record = _post(session, server, "install", body)
    step = ""
    deadline = time.monotonic() + PATIENCE
    while record["state"] == "running" and time.monotonic() < deadline:
        if record["step"] != step:
            step = record["step"]
            session.out.note(f"{server}: {step}")
        time.sleep(ASK_EVERY)
        record = session.client.get(f"{_path(server)}/install", missing=SERVER.missing(server))
    if session.out.as_json:
        session.out.json(record)
    elif record["state"] == "succeeded":
        session.out.line(f"{server}: {record['detail']}")
    if record["state"] != "succeeded":
        raise CommandFailed(
            ExitCode.FAILED, record["detail"] or f"it is not done yet, but at the step {record['step']}"
        )


def _join_token(session: Session, server: str) -> str:
    """A token for the node that the server's agent is."""
    node_id = session.client.get(_path(server), missing=SERVER.missing(server)).get("node_id")
    given = session.client.post(ENROLMENTS, {"node_id": node_id, "valid_seconds": 3600})
    return str(given["token"])


@command(servers, "push")
def push_to_server(
    session: Session,
    server: ServerId,
    script: Annotated[str, typer.Argument(metavar="SCRIPT")],
    version: Annotated[
        int | None, typer.Option("--version", metavar="N", min=1, help="Not the newest, but this one.")
    ] = None,
) -> None:
    """Put a script's file on a server.

    A running agent gets scripts by `deployments start`.
    """
    body = {"script_id": SCRIPT.checked(script), "version": version}
    session.client.get(_path(server), missing=SERVER.missing(server))
    session.out.record(session.client.post(f"{_path(server)}/push", body, missing=SCRIPT.missing(script)))


@command(servers, "remove")
def remove_server(session: Session, server: ServerId) -> None:
    """Forget a server and its login; nothing is changed on it."""
    record = session.client.delete(_path(server), missing=SERVER.missing(server))
    if session.out.as_json:
        session.out.json(record)
    else:
        session.out.line(f"{record['server_id']} is forgotten; what runs there runs on")


def _path(server: str) -> str:
    return f"{SERVERS}/{segment(SERVER.checked(server))}"


def _post(session: Session, server: str, action: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    return session.client.post(f"{_path(server)}/{action}", body, missing=SERVER.missing(server))


def _show_key(session: Session, record: Record) -> None:
    if session.out.as_json:
        session.out.json(record)
        return
    server_id, key = record["server_id"], record["host_key"]
    session.out.line(f"{server_id} shows the host key {key['fingerprint']} ({key['algorithm']})")
    if record["state"] == "confirmed":
        session.out.note("that is the one which is confirmed")
        return
    kind = str(key["algorithm"]).removeprefix("ssh-").partition("-")[0]
    session.out.note("see on the server itself, at its console, whether that is its own:")
    session.out.note(f"  ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub")
    session.out.note("and then say:")
    session.out.line(f"  callboard servers confirm {server_id} {key['fingerprint']}")


def _settings_in(file: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate((_text_of(file) or "").splitlines(), 1):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not name or name.startswith("#"):
            continue
        if not equals:
            raise CommandFailed(ExitCode.REFUSED, f"line {number} of {file} has no '=': write NAME=VALUE")
        found[name] = value
    return found


def _login(key: Path | None, passphrase_file: Path | None, password_file: Path | None, agent: bool) -> Record:
    login: Record = {
        "private_key": _text_of(key),
        "passphrase": _line_of(passphrase_file),
        "password": _line_of(password_file),
    }
    return {name: value for name, value in login.items() if value is not None} | ({"agent": True} if agent else {})


def _text_of(file: Path | None) -> str | None:
    if file is None:
        return None
    return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")


def _line_of(file: Path | None) -> str | None:
    text = _text_of(file)
    return None if text is None else text.rstrip("\r\n")
