"""What every command has: the options for connection and output, before or after its name, and a tidy end.

A command is a function of a `Session` and its own options. `command` gives it `--json`, `--url`, `--token` and `--ca`,
runs it, and turns whatever happens into an exit code: `CommandFailed` into its sentence, Ctrl-C into 130 without a
word, what the machine refuses into its reason, a fault of our own into one sentence (`CALLBOARD_DEBUG=1` shows where).
"""

import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Concatenate, ParamSpec, cast

import typer

from services.cli.client import Client
from services.cli.connection import find_connection, find_sandbox
from services.cli.failures import EXIT_CODES_HELP, CommandFailed, ExitCode
from services.cli.groups import ListGroup
from services.cli.output import Output
from services.cli.quoting import QuotingCommand

P = ParamSpec("P")
Run = Callable[Concatenate["Session", P], None]

DEBUG = "CALLBOARD_DEBUG"

AsJson = Annotated[bool, typer.Option("--json", help="JSON to stdout instead of a table.")]
Url = Annotated[
    str | None, typer.Option("--url", metavar="URL", help="Where Callboard is, such as http://127.0.0.1:8080.")
]
SandboxUrl = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="Where the sandbox's admin API is, such as http://127.0.0.1:8444."),
]
Token = Annotated[str | None, typer.Option("--token", metavar="TOKEN", help="The operator's token.")]
Authority = Annotated[
    str | None,
    typer.Option("--ca", metavar="FILE", help="The authority that Callboard's certificate is trusted by, in PEM."),
]


@dataclass(frozen=True)
class Asked:
    """What the operator said about connection and output."""

    as_json: bool = False
    url: str | None = None
    token: str | None = None
    ca: str | None = None

    def and_then(self, later: "Asked") -> "Asked":
        """Both together; what was said later counts."""
        return Asked(
            self.as_json or later.as_json, later.url or self.url, later.token or self.token, later.ca or self.ca
        )


class Session:
    """One run of one command: its output, and clients that connect when they are first used."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self.out = Output(as_json=asked.as_json)

    @cached_property
    def client(self) -> Client:
        """The connection. Raises CommandFailed when it is not known where to connect."""
        return Client(find_connection(self._asked.url, self._asked.token, os.environ, self._asked.ca))

    @cached_property
    def sandbox(self) -> Client:
        """The connection to a Telegram sandbox. Raises CommandFailed when it is not known where one is."""
        return Client(find_sandbox(self._asked.url, self._asked.token, os.environ, self._asked.ca))

    def close(self) -> None:
        """Close what was opened."""
        for opened in ("client", "sandbox"):
            if opened in self.__dict__:
                getattr(self, opened).close()


def new_group(purpose: str, *, lists: bool = True, url: Any = Url) -> typer.Typer:
    """A group of commands; with `lists` its bare name is its command `list`. `url` is their option for an address."""
    group = typer.Typer(
        cls=ListGroup if lists else None,
        help=f"{purpose} Without a command: list, with the options of list." if lists else purpose,
        no_args_is_help=not lists,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    def opened(ctx: typer.Context, **given: Any) -> None:
        remember(ctx, Asked(**given))

    group.callback()(_with_parameters(opened, _shared(url)))
    return group


def command(group: typer.Typer, name: str, *, connects: bool = True, url: Any = Url) -> Callable[[Run[P]], Run[P]]:
    """Register a function as a command of `group`; the function itself stays as it is.

    One that does not connect has no options for that; `url` is the option for the address.
    """

    def register(run: Run[P]) -> Run[P]:
        options = _shared(url) if connects else ()
        group.command(name, cls=QuotingCommand, epilog=EXIT_CODES_HELP)(_for_typer(run, options))
        return run

    return register


def remember(ctx: typer.Context, asked: Asked) -> None:
    """Keep what was said before a command's name."""
    ctx.obj = (ctx.obj or Asked()).and_then(asked)


def run_to_the_end(asked: Asked, run: Callable[[Session], None]) -> None:
    """Run; raises typer.Exit with the command's exit code when it is not 0."""
    session = Session(asked)
    try:
        run(session)
    except CommandFailed as failed:
        session.out.failure(failed)
        raise typer.Exit(failed.code) from None
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
        raise
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        session.out.failure(CommandFailed(ExitCode.FAILED, _unforeseen(error)))
        raise typer.Exit(ExitCode.FAILED) from None
    finally:
        session.close()


def _unforeseen(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"this machine refuses: {place}{error.strerror}"
    return f"this is a fault of Callboard ({type(error).__name__}: {error}); {DEBUG}=1 shows where it happened"


def _shared(url: Any) -> tuple[inspect.Parameter, ...]:
    """What every command and every group has, with this option for the address."""
    return tuple(
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)
        for name, kind, default in (
            ("as_json", AsJson, False),
            ("url", url, None),
            ("token", Token, None),
            ("ca", Authority, None),
        )
    )


def _for_typer(run: Callable[..., None], shared: Sequence[inspect.Parameter]) -> Callable[..., None]:
    own = list(inspect.signature(run).parameters.values())[1:]

    def started(ctx: typer.Context, **given: Any) -> None:
        remember(ctx, Asked(**{one.name: given.pop(one.name) for one in shared}))
        run_to_the_end(ctx.obj, lambda session: run(session, **given))

    started.__doc__ = run.__doc__
    return _with_parameters(started, [*own, *shared])


def _with_parameters(function: Callable[..., None], own: Sequence[inspect.Parameter]) -> Callable[..., None]:
    """The function with the signature that Typer shall read: the context, and these."""
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [context, *(one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own)]
    function.__annotations__ = {one.name: one.annotation for one in parameters}
    cast(Any, function).__signature__ = inspect.Signature(parameters)
    return function
