"""Why a scene begins or does not: in words, and always as the engine does it."""

from typing import Any

import pytest

from shared.scripts import Explanation, Rehearsal
from tests.unit.scripts.conftest import Parsed

DESK = """\
timezone: UTC
account_variables: {open: true}
scenes:
  night:
    triggers: [{command: /price}]
    conditions: [{hours: ["18:00", "09:00"]}]
    steps: [{reply: closed}]
  price:
    triggers: [{message: {text: price}}, {command: /price}]
    steps: [{reply: five}, {wait: 10s}, {send: "?"}]
  order:
    triggers: [{message: {pattern: "order (\\\\d+)"}}, {mention: {contains: order}}, {reply: true}]
    mode: {queued: {max: 1}}
    steps: [{wait: 1m}, {reply: ok}]
  again:
    triggers: [{command: /again}]
    mode: restart
    steps: [{wait: 1m}, {reply: ok}]
  both:
    triggers: [{command: /both}]
    mode: {parallel: {max: 2}}
    steps: [{wait: 1m}, {reply: ok}]
  odd:
    triggers: [{command: /odd}]
    conditions: [{expr: "{{ 1 / (match.args | int) }}"}]
    steps: [{reply: ok}]
  welcome:
    triggers: [{joined: {chat: "@hall_two"}}]
    steps: [{reply: hi}]
  morning:
    triggers: [{at: {time: "09:00", days: [mon, tue], chat: "@hall_one"}}]
    conditions: [{days: [tue]}]
    steps: [{send: morning}]
  hint:
    triggers: [{every: {interval: 1d, chat: "@hall_two"}}]
    steps: [{send: hint}]
"""


@pytest.fixture
def desk(parsed: Parsed) -> Rehearsal:
    """Monday noon at a desk with one of everything."""
    return Rehearsal(parsed(DESK), "seed")


def _said(desk: Rehearsal, text: str, **more: Any) -> Explanation:
    message = desk.guest(text, "Mei", **more)
    explanation = desk.engine.explain(message, desk.moment)
    desk.happens(message)
    return explanation


def _words(explanation: Explanation) -> list[str]:
    return [str(judgement) for judgement in explanation.judgements]


def test_each_trigger_says_why_it_does_not_fit(desk: Rehearsal) -> None:
    """An author would compare a message and nine scenes by eye."""
    explanation = _said(desk, "what?")
    assert explanation.begun is explanation.taken is None
    assert _words(explanation) == [
        "night: /price: the message does not begin with it",
        'price: message "price": the message is different',
        "price: /price: the message does not begin with it",
        'order: pattern "order (\\d+)": does not match',
        'order: mention with "order": the message does not mention the account',
        "order: reply: the message does not answer the account",
        "again: /again: the message does not begin with it",
        "both: /both: the message does not begin with it",
        "odd: /odd: the message does not begin with it",
        "welcome: joined in @hall_two: nobody has joined",
        "morning: at 09:00 on mon, tue in @hall_one: only time begins it",
        "hint: every 1d in @hall_two: only time begins it",
    ]


def test_a_condition_says_what_it_saw(desk: Rehearsal) -> None:
    """'The condition does not hold' sends the author looking for a clock."""
    words = _words(_said(desk, "/price"))
    assert words[0] == "night: /price: conditions[0]: it is Mon 12:00, the hours are 18:00 to 09:00"
    assert words[2] == "price: /price: fits"
    assert "odd: /odd: conditions[0]: ZeroDivisionError: division by zero" in _words(_said(desk, "/odd 0"))


def test_a_message_that_is_taken_says_by_whom(desk: Rehearsal) -> None:
    """A scene that is shadowed by an earlier one looks as if its trigger were wrong."""
    desk.pass_time(8 * 3600)
    explanation = _said(desk, "/price")
    assert explanation.begun is explanation.taken is explanation.judgements[0]
    assert _words(explanation)[2] == "price: /price: an earlier scene, night, has taken it"


@pytest.mark.parametrize(
    ("text", "second", "third"),
    [
        (
            "price",
            "mode single: it is still playing, goes on in 10s",
            "mode single: it is still playing, goes on in 10s",
        ),
        ("order 1", "mode queued: it waits for the run before, which goes on in 1m", "mode queued: its queue is full"),
        ("/again", "mode restart: the run before is ended", "mode restart: the run before is ended"),
        ("/both", "mode parallel: beside 1 that still play", "mode parallel: 2 play already"),
    ],
)
def test_a_mode_says_what_it_does(desk: Rehearsal, text: str, second: str, third: str) -> None:
    """A message that is taken and not answered is the hardest silence to understand."""
    whys = [taken.why for taken in (_said(desk, text).taken for _ in range(3)) if taken is not None]
    assert whys == ["", second, third]


def test_who_is_not_heard(desk: Rehearsal, parsed: Parsed) -> None:
    """A dialogue in a chat that was never listed would be searched for its mistake in the scenes."""
    assert _said(desk, "price", chat="@elsewhere").unheard == "the chat @elsewhere is not listed"
    only_halls = Rehearsal(parsed(DESK).model_copy(update={"chats": ("@hall_one", "@hall_two")}), "seed")
    assert _said(only_halls, "price", chat="private").unheard == "private chats are not listed"


def test_a_newcomer(desk: Rehearsal) -> None:
    """A welcome that is bound to another chat would be looked for in its steps."""
    first, second = (desk.engine.explain(desk.newcomer("Mei", chat), 0.0) for chat in ("@hall_one", "@hall_two"))
    assert first.begun is None
    assert "welcome: joined in @hall_two: somebody joined @hall_one" in _words(first)
    assert "price: /price: nobody has written" in _words(first)
    assert second.begun is not None and second.begun.scene == "welcome"


def test_what_time_brings(desk: Rehearsal) -> None:
    """A good morning that never comes leaves no message to ask about."""
    desk.pass_time(20 * 3600)
    assert _words(desk.explain_next()) == ["morning: at 09:00 on mon, tue in @hall_one: fits"]
    desk.advance(1e9)
    assert _words(desk.explain_next()) == ["hint: every 1d in @hall_two: fits"]
    desk.pass_time(6 * 86_400 - 3600)
    assert _words(desk.explain_next()) == [
        "morning: at 09:00 on mon, tue in @hall_one: conditions[0]: it is mon, the days are tue"
    ]


def test_work_is_counted_as_the_engine_counts_it(parsed: Parsed) -> None:
    """Conditions that are too much together would hold in the explanation and fail on the node."""
    costly = "{{ text" + "|upper" * 30 + " == '' }}"
    scene = f'triggers: [{{message: {{contains: x}}}}], conditions: [{{expr: "{costly}"}}], steps: [{{reply: ok}}]'
    rehearsal = Rehearsal(parsed("scenes:\n" + "".join(f"  s{place}: {{{scene}}}\n" for place in range(60))), "seed")
    explanation = _said(rehearsal, "x" * 4096)
    failed = [fault.scene for fault in rehearsal.faults]
    assert 0 < len(failed) < 60
    assert [each.scene for each in explanation.judgements if "too much work" in each.why] == failed
