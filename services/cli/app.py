"""Builds `callboard`: the only place where its commands are put together."""

from functools import cache
from typing import Annotated

import typer

from services.cli.command import AsJson, Asked, Authority, Token, Url, remember
from services.cli.commands.accounts import accounts
from services.cli.commands.assigning import register_assigning
from services.cli.commands.audit import audit
from services.cli.commands.dead import dead
from services.cli.commands.deployments import deployments
from services.cli.commands.differences import register_diff
from services.cli.commands.drift import drift
from services.cli.commands.enrolment import register_enrolment
from services.cli.commands.events import events
from services.cli.commands.keys import keys, register_sign
from services.cli.commands.nodes import nodes
from services.cli.commands.sandbox import sandbox
from services.cli.commands.scripts import scripts
from services.cli.commands.servers import servers
from services.cli.commands.session_backups import register_backups
from services.cli.commands.session_logins import register_login
from services.cli.commands.session_syncs import register_sync
from services.cli.commands.sessions import sessions
from services.cli.commands.steering import register_steering
from services.cli.commands.tokens import register_whoami, tokens
from services.cli.commands.trials import register_trials
from services.cli.commands.up import register_up
from services.cli.failures import EXIT_CODES_HELP
from shared.version import installed_version


@cache
def build_app() -> typer.Typer:
    """The whole command line. Once: the groups are modules' own, a second time would add their commands again."""
    app = typer.Typer(
        help="Callboard: one back office for the Telegram accounts that you run on many computers.",
        epilog=EXIT_CODES_HELP,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
        # Plain text: frames and colours break ids and commands that somebody will copy.
        rich_markup_mode=None,
    )
    app.callback()(_opened)
    register_up(app)
    register_trials(scripts)
    register_diff(scripts)
    register_steering(deployments)
    register_assigning(accounts, nodes)
    register_enrolment(nodes)
    register_sign(app)
    app.add_typer(nodes, name="nodes")
    app.add_typer(accounts, name="accounts")
    app.add_typer(scripts, name="scripts")
    app.add_typer(deployments, name="deployments")
    app.add_typer(drift, name="drift")
    app.add_typer(servers, name="servers")
    register_login(sessions)
    register_backups(sessions)
    register_sync(sessions)
    app.add_typer(sessions, name="sessions")
    app.add_typer(keys, name="keys")
    app.add_typer(events, name="events")
    app.add_typer(dead, name="dead")
    register_whoami(app)
    app.add_typer(tokens, name="tokens")
    app.add_typer(audit, name="audit")
    app.add_typer(sandbox, name="sandbox")
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"callboard {installed_version()}")
        raise typer.Exit


def _opened(
    ctx: typer.Context,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
    ca: Authority = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    remember(ctx, Asked(as_json, url, token, ca))
