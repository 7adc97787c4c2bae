"""Why a scene begins or does not: in words, and always as the engine does it."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.scripts import Explanation, Rehearsal, Script, SendText, parse_script
from tests.unit.scripts.conftest import Parsed

BOUNDED = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])

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


def _scene(name: str, timed: bool) -> st.SearchStrategy[dict[str, Any]]:
    """A scene that says its name first, so that its beginnings can be counted."""
    triggers: list[dict[str, Any]] = (
        [
            {"every": "30s"},
            {"every": {"interval": "1m", "chat": "@hall_one"}},
            {"at": "12:01"},
            {"at": {"time": "12:02", "days": ["mon", "wed"]}},
        ]
        if timed
        else [
            {"message": {"text": "hi"}},
            {"message": {"pattern": "h(i|o)"}},
            {"command": "/go"},
            {"mention": True},
            {"reply": {"contains": "h"}},
            {"joined": True},
            {"joined": {"chat": "@hall_one"}},
        ]
    )
    conditions = st.sampled_from(
        [
            {"expr": "{{ n < 2 }}"},
            {"expr": "{{ all % 2 == 0 }}"},
            {"expr": "{{ 1 / n }}"},
            {"hours": ["12:01", "12:03"]},
            {"days": ["mon"]},
            {"chat": "@hall_one"},
            {"cooldown": "45s"},
        ]
    )
    steps = st.sampled_from([{"wait": "20s"}, {"wait": ["5s", "2m"]}, {"set": {"n": "{{ n + 1 }}"}}])
    return st.builds(
        lambda triggers, conditions, mode, steps: {
            "triggers": triggers,
            "conditions": conditions,
            "mode": mode,
            "steps": [{"send": f"#{name}"}, {"set": {"all": "{{ all + 1 }}"}}, *steps],
        },
        st.lists(st.sampled_from(triggers), min_size=1, max_size=2),
        st.lists(conditions, max_size=2),
        st.sampled_from(["single", "restart", {"queued": {"max": 1}}, {"parallel": {"max": 2}}]),
        st.lists(steps, max_size=3),
    )


SCRIPTS = st.builds(
    lambda scenes: {
        "id": "made",
        "chats": ["@hall_one", "@hall_two", "private"],
        "limits": {"per_chat_per_minute": 20, "per_account_per_minute": 60},
        "variables": {"n": 0},
        "account_variables": {"all": 0},
        "scenes": scenes,
    },
    st.fixed_dictionaries({name: _scene(name, timed=name in "xy") for name in "abxcy"}),
)
DEEDS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["hi", "/go", "ho", "?"]),
            st.sampled_from(["Mei", "Ana"]),
            st.sampled_from(["@hall_one", "@hall_two", "private", "@elsewhere"]),
            st.booleans(),
            st.booleans(),
        ),
        st.sampled_from(["@hall_one", "@hall_two"]),
        st.none(),
    ),
    max_size=25,
)


class _Beginnings:
    """Counts what an engine begins: every scene says its name, or has one more place in a queue."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._rehearsal = rehearsal
        self._queues: dict[Any, Counter[str]] = {}

    def since(self) -> Counter[str]:
        """The scenes that were begun since the last call."""
        begun: Counter[str] = Counter()
        while self._rehearsal.unheard:
            effect = self._rehearsal.unheard.popleft()
            assert isinstance(effect, SendText)
            begun[effect.text.removeprefix("#")] += 1
        before = sum(self._queues.values(), Counter[str]())
        for key, conversation in self._rehearsal.engine.take_changes().conversations.items():
            self._queues[key] = Counter(each.scene for each in conversation.queue) if conversation else Counter()
        # A run that was queued says its name, too, but has left the queue.
        begun.update(sum(self._queues.values(), Counter[str]()))
        begun.subtract(before)
        return +begun


@BOUNDED
@given(SCRIPTS, DEEDS)
def test_what_the_explanation_says_begins_is_what_the_engine_begins(document: dict[str, Any], deeds: list[Any]) -> None:
    """An explanation of its own making would send every author the wrong way."""
    script = parse_script(json.dumps(document))
    if not isinstance(script, Script):
        return
    rehearsal = Rehearsal(script, "seed")
    beginnings = _Beginnings(rehearsal)
    beginnings.since()
    for deed in deeds:
        if deed is None:
            explanation = rehearsal.explain_next()
            assert not rehearsal.engine.take_changes(), "asking has changed something"
            rehearsal.advance(rehearsal.now + 7 * 86_400)  # an at is due within a week
        else:
            happening = (
                rehearsal.newcomer("Jo", deed)
                if isinstance(deed, str)
                else rehearsal.guest(deed[0], deed[1], deed[2], mentions=deed[3], replies=deed[4])
            )
            explanation = rehearsal.engine.explain(happening, rehearsal.moment)
            assert not rehearsal.engine.take_changes(), "asking has changed something"
            rehearsal.happens(happening)
            triggers = sum(len(scene.triggers) for scene in script.scenes.values())
            assert len(explanation.judgements) == (0 if explanation.unheard else triggers)
        said = Counter(judgement.scene for judgement in explanation.judgements if judgement.begins)
        assert beginnings.since() == said
