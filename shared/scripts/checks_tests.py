"""What a script's own tests can have wrong before they are played: names, chats and guests that are not there.

One of the checks of `checks`.
"""

from collections.abc import Iterator

from shared.scripts.chats import PRIVATE
from shared.scripts.checks_chats import check_listed
from shared.scripts.dialogue import ExpectLine, ExpectReactionLine, GuestLine, JoinsLine, Line, ScriptTest
from shared.scripts.errors import Finding, Path, nearest, shortened
from shared.scripts.model import Script


def check_tests(script: Script) -> Iterator[Finding]:
    """Tests that cannot mean what they say."""
    names = [test.name for test in script.tests]
    for number, test in enumerate(script.tests):
        if test.name in names[:number]:
            yield Finding(("tests", number, "name"), f"two tests are called {shortened(test.name)}", "rename one")
        yield from _dialogue(script, test, ("tests", number, "dialogue"))


def _dialogue(script: Script, test: ScriptTest, path: Path) -> Iterator[Finding]:
    guests: set[str] = set()
    for index, line in enumerate(test.dialogue):
        yield from _chat(script, line, (*path, index))
        match line:
            case GuestLine(name=name) | JoinsLine(joins=name):
                guests.add(name)
            case ExpectLine(to=str(to)) | ExpectReactionLine(to=str(to)) if to and to not in guests:
                hint = nearest(to, guests)
                yield Finding((*path, index, "to"), f"{shortened(to)} has not said anything yet", hint)


def _chat(script: Script, line: Line, path: Path) -> Iterator[Finding]:
    if not isinstance(line, GuestLine | JoinsLine | ExpectLine | ExpectReactionLine):
        return
    if line.chat is not None:
        yield from check_listed(script, line.chat, (*path, "chat"))
    if isinstance(line, JoinsLine) and (line.chat or script.chats[0]) == PRIVATE:
        yield Finding(path, "nobody joins a private chat", "name the chat: chat: …")
