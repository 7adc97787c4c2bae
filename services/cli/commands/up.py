"""`callboard up`: everything on this machine, until Ctrl-C.

It is the only command that needs more than the client's packages. A broker of the operator's own is named by
`CALLBOARD_AMQP_URL`, and its management API by `CALLBOARD_MANAGEMENT_URL`; without it one is found or made.
"""

import os
from pathlib import Path
from typing import Annotated

import typer

from services.cli.command import Session, command
from services.cli.connection import home as default_home
from services.cli.failures import CommandFailed, ExitCode

AMQP_URL = "CALLBOARD_AMQP_URL"
MANAGEMENT_URL = "CALLBOARD_MANAGEMENT_URL"
LOG_LEVEL = "CALLBOARD_LOG_LEVEL"


def register_up(app: typer.Typer) -> None:
    """Give the command line its `up`."""
    command(app, "up", connects=False)(up)


def up(
    session: Session,
    home: Annotated[
        Path | None,
        typer.Option("--home", metavar="FOLDER", help="Where to keep state; else CALLBOARD_HOME, else .callboard."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", metavar="PORT", min=1, max=65535, help="The console's; else 8080, or a free one if that is taken."
        ),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Plain lines although this is a terminal.")] = False,
) -> None:
    """Start everything on this machine, until Ctrl-C.

    That is a broker, a database, a Telegram sandbox, all services and two nodes. The data stay for the next start.
    """
    try:
        # Only here: a machine with nothing but the client does not have what the stack is made of.
        from services.cli.stack import StackOptions, run_stack
    except ModuleNotFoundError as missing:
        sentence = f"this installation has only the client ({missing.name} is missing): install callboard[stack]"
        raise CommandFailed(ExitCode.FAILED, sentence) from missing
    options = StackOptions(
        amqp_url=os.environ.get(AMQP_URL) or None,
        management_url=os.environ.get(MANAGEMENT_URL) or None,
        console_port=port,
        log_level=os.environ.get(LOG_LEVEL) or "INFO",
        plain=plain,
    )
    raise typer.Exit(run_stack(home or default_home(os.environ), options))
