"""`callboard scripts test` and `callboard scripts chat`: a script tried here, without Telegram or a connection.

Both play it with the engine that the nodes have, in virtual time.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from services.cli.cells import visible
from services.cli.command import Session, command
from services.cli.commands.scripts import ScriptFile
from services.cli.failures import CommandFailed, ExitCode

if TYPE_CHECKING:
    from services.cli.checking import Verdict


def register_trials(group: typer.Typer) -> None:
    """Give the group its `test` and `chat`."""
    command(group, "test")(test_scripts)
    command(group, "chat", connects=False)(chat)


def test_scripts(
    session: Session,
    files: Annotated[list[Path], ScriptFile],
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="What was said in the tests that pass, too.")
    ] = False,
) -> None:
    """Run the tests that scripts carry.

    Of one that fails, show the difference and what was said.
    """
    # The script language loads its parser and templates; no other command should wait for that.
    from services.cli.checking import check_file

    verdicts = [check_file(file) for file in files]
    if session.out.as_json:
        session.out.json([verdict.as_json() for verdict in verdicts])
    else:
        for verdict in verdicts:
            _show(session, verdict, verbose=verbose)
    broken = sum(verdict.script is None for verdict in verdicts)
    tests = [test for verdict in verdicts for test in verdict.tests]
    failed = sum(not test.passed for test in tests)
    if broken or failed:
        unread = f"{broken} of {len(verdicts)} files cannot be played" if broken else ""
        lost = f"{failed} of {len(tests)} tests failed" if failed else ""
        raise CommandFailed(ExitCode.FAILED, " and ".join(filter(None, (unread, lost))))


def chat(session: Session, file: Annotated[Path, ScriptFile]) -> None:
    """Talk to a script as a guest, in virtual time.

    See what it does and why; :help there shows more. Lines may also come from a pipe. Exit code 1 when the script
    could not be played to the end of the chat.
    """
    from services.cli.chat import Chat
    from services.cli.chat.reading import lines_of_stdin

    if session.out.as_json:
        raise typer.BadParameter("a chat is for people and has no --json; scripts test has")
    talk = Chat(file, session.out)
    talk.run(lines_of_stdin(talk.words, session.out.line))
    if not talk.loaded:
        raise CommandFailed(ExitCode.FAILED, f"{file} could not be played: `callboard scripts check {file}` says why")


def _show(session: Session, verdict: "Verdict", *, verbose: bool) -> None:
    out = session.out
    for problem in verdict.problems:
        out.line(f"{verdict.file}:{problem}")
    if verdict.script is not None and not verdict.tests:
        out.line(f"{verdict.file}: no tests: `callboard scripts chat {verdict.file}` makes one with :save")
    for number, test in enumerate(verdict.tests):
        word = Text("passed", style="green") if test.passed else Text("failed", style="red")
        where = verdict.file if test.passed else verdict.place(number)
        out.styled(Text.assemble(f"{where}: ", word, f": {visible(test.name)}"))
        if not test.passed:
            out.styled(_coloured(test.difference))
        if verbose or not test.passed:
            out.line("  what happened:")
            for line in test.transcript:
                first, *more = line.split("\n")
                out.line("\n".join([f"    {first}", *(f"      {one}" for one in more)]))


def _coloured(difference: str) -> Text:
    """The difference, with what was expected in red and what was said in green."""
    lines = []
    for line in difference.split("\n"):
        style = {"  -": "red", "  +": "green"}.get(line[:3], "")
        lines.append(Text(f"  {visible(line)}", style=style))
    return Text("\n").join(lines)
