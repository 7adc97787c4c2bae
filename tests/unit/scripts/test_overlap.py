"""Which messages two scripts would both answer."""

import pytest

from shared.scripts import Overlap, overlaps
from tests.unit.scripts.conftest import Parsed

FIRST = """\
scenes:
  one:
    triggers: [TRIGGER]
    steps: [stop]
"""
SECOND = FIRST.replace("one:", "other:")


@pytest.mark.parametrize(
    ("trigger", "other", "message"),
    [
        ("{message: {text: hello}}", "{message: {contains: ell}}", "hello"),
        ("{command: /price}", "{message: {pattern: ^/pr}}", "/price"),
        ("{mention: true}", "{message: {text: hello}}", "hello (in a mention)"),
        ("{mention: true}", "{mention: true}", "… (in a mention)"),
        ("{reply: {contains: ell}}", "{reply: {text: hello}}", "hello (in a reply)"),
        ("{joined: true}", "{joined: {chat: '@hall_one'}}", "(somebody joins)"),
    ],
)
def test_a_message_that_begins_a_scene_of_both_is_named(parsed: Parsed, trigger: str, other: str, message: str) -> None:
    """If this broke, two scripts would both answer one message, and nobody would have been told."""
    found = overlaps(parsed(FIRST.replace("TRIGGER", trigger)), parsed(SECOND.replace("TRIGGER", other)))
    assert found == (Overlap(message, "one", "other", ("@hall_one", "@hall_two", "private")),)


@pytest.mark.parametrize(
    ("trigger", "other"),
    [
        ("{message: {text: hello}}", "{message: {text: goodbye}}"),
        ("{mention: true}", "{reply: true}"),
        ("{joined: true}", "{message: {contains: a}}"),
    ],
)
def test_scripts_that_answer_different_things_have_nothing_in_common(parsed: Parsed, trigger: str, other: str) -> None:
    """A warning that always comes is never read."""
    assert overlaps(parsed(FIRST.replace("TRIGGER", trigger)), parsed(SECOND.replace("TRIGGER", other))) == ()


def test_what_guests_say_in_the_tests_is_tried_too(parsed: Parsed) -> None:
    """If this broke, two patterns would never be found to answer the same message."""
    tests = "tests:\n  - {name: a, dialogue: [{guest: order 3}]}\n"
    one = parsed(FIRST.replace("TRIGGER", "{message: {pattern: 'order [0-9]'}}") + tests)
    other = parsed(SECOND.replace("TRIGGER", "{message: {pattern: '^order'}}"))
    assert [each.message for each in overlaps(one, other)] == ["order 3"]


def test_scripts_without_a_chat_in_common_have_nothing_in_common(parsed: Parsed) -> None:
    """If this broke, scripts for different chats would be reported against each other."""
    body = FIRST.replace("TRIGGER", "{message: {text: hello}}")
    elsewhere = parsed(body).model_copy(update={"chats": ("@elsewhere",)})
    assert overlaps(parsed(body), elsewhere) == ()
