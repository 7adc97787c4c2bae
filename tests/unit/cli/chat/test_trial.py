"""A script tried by hand: what comes of each deed, and what would come next."""

from datetime import datetime

import pytest

from services.cli.chat.performance import Course, Kind
from services.cli.chat.trial import FARTHEST, MOST_WAKES, Joined, Said, Trial
from shared.scripts import Script, parse_script

TEXT = """\
id: tried
chats: ["@hall_one", "@hall_two", private]
variables: {n: 0}
account_variables: {all: 0}
scenes:
  hello:
    triggers: [{command: /hello}]
    steps:
      - reply: Hello {{ sender }}
      - set: {n: "{{ n + 1 }}", all: "{{ all + 1 }}"}
      - wait: [3s, 9s]
      - choose: [{send: one}, {send: two}, {send: three}]
      - wait: 1m
  welcome:
    triggers: [{joined: true}]
    steps: [{react: 👍}]
  ping:
    triggers: [{every: {interval: 1h, chat: "@hall_two"}}]
    conditions: [{hours: ["12:00", "14:30"]}]
    steps: [{send: ping}]
  bad:
    triggers: [{command: /bad}]
    steps: [{reply: "{{ 1 / n }}"}]
"""
NOON = datetime(2026, 1, 5, 12)  # noqa: DTZ001 - local time of the script


def script(text: str = TEXT) -> Script:
    """The script."""
    outcome = parse_script(text)
    assert isinstance(outcome, Script), str(outcome)
    return outcome


@pytest.fixture
def trial() -> Trial:
    """Begun on a Monday at noon."""
    return Trial(script(), NOON)


def hello(trial: Trial, text: str = "/hello", chat: str = "@hall_one") -> Course:
    """Mei says something."""
    return trial.say(Said(text, "Mei", chat))


def seen(course: Course) -> list[tuple[Kind, str]]:
    """Kinds and texts."""
    return [(event.kind, event.text) for event in course.events]


def test_what_is_said_at_once_and_what_ends(trial: Trial) -> None:
    """The guest's screen, with the word that a scene is over and may begin again."""
    course = hello(trial)
    assert seen(course) == [(Kind.SPEAKS, "Hello Mei")]
    assert course.events[0].to == "Mei"
    assert [kind for kind, _ in seen(trial.go_on())] == [Kind.SPEAKS]
    assert seen(trial.go_on()) == [(Kind.ENDS, "hello is over")]


def test_what_is_to_come_is_what_comes(trial: Trial) -> None:
    """A look ahead with other dice would promise what never happens, and one that plays would make it happen twice."""
    hello(trial)
    coming = trial.coming(3)
    assert coming == trial.coming(3)
    assert [event.kind for event in coming] == [Kind.SPEAKS, Kind.ENDS, Kind.SPEAKS]
    came = [event for _ in range(3) for event in trial.go_on().events if event.kind is not Kind.BEGINS]
    assert came == coming


def test_what_comes_again_and_again_is_promised_once(trial: Trial) -> None:
    """Three times the same hint would hide what else is planned."""
    assert [event.text for event in trial.coming(3)] == ["ping"]


def test_time_says_why_a_scene_does_not_begin(trial: Trial) -> None:
    """A timed scene that never plays leaves nothing to ask about."""
    course = trial.wait(3 * 3600)
    assert [kind for kind, _ in seen(course)] == [Kind.BEGINS, Kind.SPEAKS, Kind.BEGINS, Kind.SPEAKS, Kind.HELD_BACK]
    assert course.events[-1].text == (
        "ping does not begin: every 1h in @hall_two: conditions[0]: it is Mon 15:00, the hours are 12:00 to 14:30"
    )
    assert trial.now == 3 * 3600


def test_a_newcomer_and_a_fault(trial: Trial) -> None:
    """A reaction and a mistake are seen like words."""
    assert seen(trial.join(Joined("Ana", "@hall_two"))) == [(Kind.REACTS, "(reacts with 👍)")]
    assert seen(hello(trial, "/bad")) == [(Kind.FAILS, "scenes.bad.steps[0]: ZeroDivisionError: division by zero")]


def test_nothing_planned_lets_no_time_pass() -> None:
    """An empty line too many would make a day of the dialogue."""
    trial = Trial(script(TEXT.replace('every: {interval: 1h, chat: "@hall_two"}', "command: /ping")), NOON)
    assert trial.go_on().events == ()
    assert (trial.now, trial.deeds) == (0.0, [])


def test_what_comes_once_a_week_comes() -> None:
    """A Monday morning's greeting is tried on a Tuesday."""
    weekly = TEXT.replace("every: {interval: 1h, chat:", 'at: {time: "12:00", days: [mon], chat:')
    trial = Trial(script(weekly), NOON)
    assert [event.text for event in trial.coming(1)] == ["ping"]
    assert [event.text for event in trial.go_on().events][-1] == "ping"
    assert trial.now == 7 * 86_400


def test_a_wait_is_bounded() -> None:
    """A script that hints every ten seconds would fill the terminal for a year."""
    trial = Trial(script(TEXT.replace("interval: 1h", "interval: 10s")), NOON)
    course = trial.wait(366 * FARTHEST)
    assert not course.whole
    assert trial.now == 10.0 * MOST_WAKES


def test_what_is_remembered(trial: Trial) -> None:
    """The values that a node would write down."""
    hello(trial)
    kept = trial.conversation("@hall_one", "Mei")
    assert kept is not None and kept.variables == {"n": 1} and len(kept.runs) == 1
    assert trial.account_variables() == {"all": 1}
    assert trial.conversation("private", "Mei") is None


def test_a_reload_keeps_the_place(trial: Trial) -> None:
    """An author mends a text in the middle of a dialogue, and wants to go on from there."""
    hello(trial)
    ended, _ = trial.reload(
        script(TEXT.replace("send: one", "send: uno").replace("two}", "dos}").replace("three", "tres"))
    )
    assert ended == []
    assert trial.go_on().events[0].text in ("uno", "dos", "tres")
    gone = TEXT.replace("  hello:", "  other:")
    assert trial.reload(script(gone))[0] == ["hello"]


def test_private_chats_in_words(trial: Trial) -> None:
    """private:2 means nothing to anybody."""
    course = hello(trial, chat="private")
    assert trial.in_words(trial.address("private", "Mei")) == "the private chat of Mei"
    assert trial.has_spoken_in(course.events[0].chat)
    assert not trial.has_spoken_in("@hall_one")
