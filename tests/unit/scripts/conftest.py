"""Scripts for the tests: parsed by the real door, and refused loudly when they are not what a test meant."""

import random
from collections.abc import Callable

import pytest

from shared.scripts import Conversation, Engine, Incoming, Script, ScriptProblems, parse_script

Parsed = Callable[[str], Script]
Refused = Callable[[str], list[str]]

HEAD = 'id: made\nchats: ["@hall_one", "@hall_two", private]\n'


def kept(engine: Engine) -> list[Conversation]:
    """The conversations of an engine whose changes nobody has taken before."""
    return [each for each in engine.take_changes().conversations.values() if each is not None]


@pytest.fixture
def parsed() -> Parsed:
    """Text after `HEAD` to a script."""

    def make(body: str) -> Script:
        outcome = parse_script(HEAD + body)
        assert isinstance(outcome, Script), str(outcome)
        return outcome

    return make


@pytest.fixture
def refused() -> Refused:
    """Text after `HEAD` to the problems' sentences; lines count from the first of `HEAD`."""

    def make(body: str) -> list[str]:
        outcome = parse_script(HEAD + body)
        assert isinstance(outcome, ScriptProblems), "the script was accepted"
        return [str(problem) for problem in outcome.problems]

    return make


@pytest.fixture
def engine(parsed: Parsed) -> Callable[[str], Engine]:
    """Text after `HEAD` to an engine with dice that are the same in every test."""
    return lambda body: Engine(parsed(body), random.Random(7))


@pytest.fixture
def said() -> Callable[..., Incoming]:
    """A message with every field but the text filled in."""

    def make(text: str, *, chat: str = "@hall_one", sender_id: int = 1, message_id: int = 100) -> Incoming:
        return Incoming(chat, f"Guest {sender_id}", sender_id, text, message_id)

    return make
