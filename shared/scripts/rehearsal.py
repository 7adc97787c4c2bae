"""Plays a script without Telegram, in virtual time: its own tests, and any dialogue by hand.

`run_tests` is called on lint, before a push, and on the node before the swap; the dice are seeded with
the test's name, so all three see the same. A test is strict: what the account says and the dialogue does
not expect is a failure, shown as the difference. Nothing raises.
"""

import random
from collections import deque
from dataclasses import dataclass
from typing import ClassVar, assert_never

from shared.scripts.chats import PRIVATE
from shared.scripts.dialogue import ExpectLine, GuestLine, Line, ScriptTest, SilenceLine, WaitLine
from shared.scripts.durations import format_duration
from shared.scripts.effects import Effect, Fault, Incoming, SendText
from shared.scripts.engine import Engine
from shared.scripts.model import Script

# A dialogue of hours against an `every` of seconds; more than that is a mistake in the test.
MAX_WAKES = 2000


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """How one test ended: `difference` says what was expected and what was said; empty when it passed."""

    __test__: ClassVar[bool] = False  # its name would make pytest collect it

    name: str
    passed: bool
    difference: str
    transcript: tuple[str, ...]


class Rehearsal:
    """An engine with a guest to talk to it and a clock that moves when it is told to."""

    def __init__(self, script: Script, seed: str) -> None:
        self._script = script
        self._engine = Engine(script, random.Random(seed))
        self._guests: dict[str, int] = {}
        self._messages = 0
        self._wakes = 0
        self.now = 0.0
        self.unheard: deque[SendText] = deque()
        self.faults: list[Fault] = []
        self.transcript: list[str] = []
        self._hear(self._engine.on_time(self.now))

    def guest(self, text: str, name: str, chat: str | None = None) -> None:
        """`name` says `text` in `chat`, by default the first one that the script lists."""
        sender_id = self._guests.setdefault(name, len(self._guests) + 1)
        self._messages += 1
        address = self.address(chat, sender_id)
        self._note(f"{name} in {address}: {text}")
        incoming = Incoming(address, name, sender_id, text, self._messages)
        self._hear(self._engine.on_message(incoming, self.now))

    def pass_time(self, seconds: float) -> bool:
        """Let time pass; False when more happened in it than a rehearsal can show."""
        until = self.now + seconds
        wake = self._engine.next_wake()
        while wake is not None and wake <= until:
            self._wakes += 1
            if self._wakes > MAX_WAKES:
                return False
            self.now = max(self.now, wake)
            self._hear(self._engine.on_time(self.now))
            wake = self._engine.next_wake()
        self.now = until
        return True

    def address(self, chat: str | None, sender_id: int) -> str:
        """Where a guest speaks: a private chat is that guest's own."""
        listed = chat or self._script.chats[0]
        return f"{PRIVATE}:{sender_id}" if listed == PRIVATE else listed

    def next_thing(self) -> str:
        """When the script would go on by itself, in words."""
        wake = self._engine.next_wake()
        if wake is None:
            return "nothing more is planned"
        return f"the script goes on in {format_duration(wake - self.now)}"

    def _hear(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case SendText(chat=chat, text=text):
                    self.unheard.append(effect)
                    self._note(f"account in {chat}: {text}")
                case Fault(scene=scene, step=step, message=message):
                    self.faults.append(effect)
                    self._note(f"fault in scenes.{scene}.steps[{step}]: {message}")
                case _:
                    assert_never(effect)

    def _note(self, line: str) -> None:
        self.transcript.append(f"+{format_duration(self.now)} {line}")


def run_tests(script: Script) -> list[TestOutcome]:
    """Every test of the script, in its order; empty for a script without tests."""
    return [_run(script, test) for test in script.tests]


def _run(script: Script, test: ScriptTest) -> TestOutcome:
    rehearsal = Rehearsal(script, test.name)
    for index, line in enumerate(test.dialogue):
        difference = _play(rehearsal, line) or _fault(rehearsal)
        if difference:
            where = f"dialogue[{index}] after {format_duration(rehearsal.now)}: "
            return TestOutcome(test.name, False, where + difference, tuple(rehearsal.transcript))
    difference = _nothing_unheard(rehearsal, "the dialogue ends")
    where = f"after dialogue[{len(test.dialogue) - 1}]: " if difference else ""
    return TestOutcome(test.name, not difference, where + difference, tuple(rehearsal.transcript))


def _play(rehearsal: Rehearsal, line: Line) -> str:
    """Plays one line; what differs from it, in words, or nothing."""
    match line:
        case GuestLine():
            rehearsal.guest(line.guest, line.name, line.chat)
            return ""
        case WaitLine(wait=seconds):
            return "" if rehearsal.pass_time(seconds) else f"more than {MAX_WAKES} things happen in this test"
        case ExpectLine():
            return _expected(rehearsal, line)
        case SilenceLine():
            return _nothing_unheard(rehearsal, "nothing")
        case _:
            assert_never(line)


def _expected(rehearsal: Rehearsal, line: ExpectLine) -> str:
    if not rehearsal.unheard:
        return _difference(line.expect, f"(nothing; {rehearsal.next_thing()})")
    said = rehearsal.unheard.popleft()
    wanted = line.expect.strip()
    if said.text != wanted:
        return _difference(wanted, said.text)
    chat = said.chat.split(":")[0] if line.chat == PRIVATE else said.chat
    if line.chat is not None and chat != line.chat:
        return f"said in another chat\n  - {line.chat}\n  + {said.chat}"
    return ""


def _nothing_unheard(rehearsal: Rehearsal, expected: str) -> str:
    if not rehearsal.unheard:
        return ""
    return _difference(f"({expected})", "\n".join(said.text for said in rehearsal.unheard))


def _fault(rehearsal: Rehearsal) -> str:
    if not rehearsal.faults:
        return ""
    fault = rehearsal.faults[0]
    return f"scenes.{fault.scene}.steps[{fault.step}] failed: {fault.message}"


def _difference(expected: str, said: str) -> str:
    def marked(sign: str, text: str) -> str:
        return "\n".join(f"  {sign} {line}" for line in text.splitlines())

    return f"expected (-) and said (+) differ\n{marked('-', expected)}\n{marked('+', said)}"
