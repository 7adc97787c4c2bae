"""The worst minute of a script, and that it is refused when its own limits could not bear it."""

import pytest

from shared.scripts import Script, parse_script
from shared.scripts.pace import shortest_runs
from tests.unit.scripts.conftest import HEAD, Parsed

LIMITS = "limits: {per_chat_per_minute: 4, per_account_per_minute: 9}\nvariables: {n: 1}\n"
SEND = "{send: x}"


def _verdict(scenes: str) -> str:
    outcome = parse_script(HEAD + LIMITS + "scenes:\n" + scenes)
    return "" if isinstance(outcome, Script) else str(outcome)


def _steps(steps: str, trigger: str = "{command: /a}", more: str = "") -> str:
    return f"  a: {{triggers: [{trigger}], {more} steps: [{steps}]}}\n"


@pytest.mark.parametrize(
    ("steps", "count"),
    [
        (", ".join([SEND] * 4), 0),
        (", ".join([SEND] * 5), 5),
        (", ".join(["{reply: x}"] * 5), 5),
        (", ".join([SEND] * 4) + ", {wait: 59s}, {send: x}", 5),
        (", ".join([SEND] * 4) + ", {wait: 60s}, {send: x}", 0),
        (", ".join([SEND] * 4) + ", {wait: [1s, 2m]}, {send: x}", 5),
        (", ".join([SEND] * 4) + ", {wait: 2m, when: '{{ n }}'}, {send: x}", 5),
        (", ".join([SEND] * 4) + ", {send: x, when: '{{ n }}'}", 5),
        (", ".join([SEND] * 4) + ", stop", 0),
        (", ".join([SEND] * 4) + ", {choose: [{send: x}, {send: y}, {wait: 1m}]}", 5),
        (", ".join([SEND] * 4) + ", {choose: [{react: 👍}, {wait: 1m}]}", 0),
        (", ".join([SEND] * 4) + ", {choose: [stop, {wait: 30s}]}, {choose: [{wait: 30s}, {wait: 1m}]}, {send: x}", 0),
        ("{wait: 10m}, " + ", ".join([SEND] * 5), 5),
        ("{send: x}, {wait: 15s}, {goto: a}", 0),
        ("{send: x}, {wait: 14s}, {goto: a}", 5),
        ("{send: x}, {wait: 1s}, {goto: a}", 60),
        ("{send: x}, {send: x}, {wait: 30s}, {goto: a}", 0),
        ("{send: x}, {send: x}, {choose: [{wait: 30s}, {wait: 29s}]}, {goto: a}", 6),
        ("{send: x}, {wait: 1m}, {choose: [{goto: a}, stop]}", 0),
    ],
)
def test_the_worst_minute_of_a_run(steps: str, count: int) -> None:
    """A run would be held up by its own limits and lose messages, or a calm script would be refused."""
    verdict = _verdict(_steps(steps))
    assert (f"one run says up to {count} messages in a minute in @hall_one" in verdict) == bool(count), verdict
    assert bool(verdict) == bool(count), verdict


def test_the_finding_says_where_and_what_to_do() -> None:
    """An author would search for the step, or raise the wrong limit."""
    assert _verdict(_steps("{wait: 5s}, " + ", ".join([SEND] * 5))) == (
        "script.yaml:6:55: scenes.a.steps[1]: from here one run says up to 5 messages in a minute in @hall_one, "
        "limits.per_chat_per_minute is 4 (raise per_chat_per_minute to 5, or wait in between)"
    )
    assert "says 100 or more messages" in _verdict(_steps(", ".join([SEND] * 50) + ", {wait: 1s}, {goto: a}"))
    assert "(wait in between)" in _verdict(_steps(", ".join([SEND] * 21)))


def test_scenes_are_followed() -> None:
    """Two scenes, each within the limits, would be too fast together."""
    both = ", ".join([SEND] * 3)
    lap = _steps(both + ", {wait: 20s}, {goto: b}") + f"  b: {{steps: [{both}, {{wait: 20s}}, {{goto: a}}]}}\n"
    assert "up to 9 messages in a minute in @hall_one" in _verdict(lap)
    assert _verdict(lap.replace("20s", "60s")) == ""


def test_each_chat_has_its_own_minute() -> None:
    """A word to the team for every answer would count twice in the guests' chat."""
    told = "{send: {text: x, chat: '@hall_two'}}"
    three = ", ".join([SEND, told] * 3)
    assert "up to 6 messages in a minute in @hall_two" in _verdict(_steps(three))
    assert _verdict(_steps(three, more="conditions: [{chat: '@hall_one'}],")) == ""
    five = ", ".join([told] * 5)
    problem = _verdict(_steps(five, more="conditions: [{chat: '@hall_one'}],"))
    assert "up to 5 messages in a minute in @hall_two" in problem


def test_the_account_has_a_minute_too() -> None:
    """A run that speaks in many chats would be slower than its author thinks."""
    steps = ", ".join(["{send: x}, {send: {text: x, chat: '@hall_two'}}, {send: {text: x, chat: '@hall_one'}}"] * 3)
    assert _verdict(_steps(steps, more="conditions: [{chat: private}],")) == ""
    verdict = _verdict(_steps(steps + ", {send: x}", more="conditions: [{chat: private}],"))
    assert "up to 10 messages and reactions in a minute in all, limits.per_account_per_minute is 9" in verdict


def test_reactions_count_for_the_account_alone() -> None:
    """Reactions would be held up by a limit that the check did not count them for."""
    nine = ", ".join(["{react: 👍}"] * 9)
    assert _verdict(_steps(nine)) == ""
    assert "up to 10 messages and reactions in a minute in all" in _verdict(_steps(nine + ", {reply: x}"))


@pytest.mark.parametrize(
    ("trigger", "more", "steps", "count"),
    [
        ("{every: 15s}", "", SEND, 0),
        ("{every: 14s}", "", SEND, 5),
        ("{every: 30s}", "", f"{SEND}, {SEND}, {SEND}", 6),
        ("{every: 1h}", "", ", ".join([SEND] * 4), 0),
        ("{every: 20s}", "", f"{SEND}, {SEND}, {{wait: 21s}}", 4),
        ("{every: 15s}", "mode: restart,", f"{SEND}, {{wait: 20s}}, {SEND}, {SEND}", 0),
        ("{every: 20s}", "mode: parallel,", f"{SEND}, {{wait: 5m}}, {SEND}", 0),
        ("{every: 12s}, {every: 1h}", "", SEND, 6),
        ("{at: '9:00'}, {at: '9:01'}, {at: '9:02'}, {at: '9:03'}, {at: '9:04'}", "", SEND, 0),
        ("{at: '9:00'}, {at: {time: '9:00', days: [mon]}}", "", f"{SEND}, {SEND}, {SEND}", 6),
        ("{at: {time: '9:00', days: [tue]}}, {at: {time: '9:00', days: [mon]}}", "", f"{SEND}, {SEND}, {SEND}", 0),
        ("{at: '9:00'}, {every: 1h}", "", f"{SEND}, {SEND}, {SEND}", 6),
    ],
)
def test_timers_count_together(trigger: str, more: str, steps: str, count: int) -> None:
    """Announcements that fall on one minute would be late or lost, or calm timers would be refused."""
    limits = LIMITS.replace("minute: 9", "minute: 60")
    outcome = parse_script(HEAD + limits + "scenes:\n" + _steps(steps, trigger, more))
    wanted = f"timers say up to {count} messages in a minute in @hall_one, limits.per_chat_per_minute is 4"
    assert (wanted in str(outcome)) == (count > 4), str(outcome)
    assert isinstance(outcome, Script) == (count <= 4), str(outcome)


def test_a_timer_in_every_chat_that_tells_one_chat_adds_up() -> None:
    """Fifty chats' hourly reports would flood the team."""
    told = ", ".join(["{send: {text: x, chat: '@hall_two'}}"] * 3)
    assert "timers say up to 6 messages in a minute in @hall_two" in _verdict(_steps(told, "{every: 1h}"))
    assert _verdict(_steps(told, "{every: {interval: 1h, chat: '@hall_one'}}")) == ""


def test_timers_in_many_chats_are_bound_by_the_account() -> None:
    """Hints in each of many chats would take longer than the account's limits let through."""
    scenes = _steps(f"{SEND}, {SEND}, {SEND}", "{every: 1h}") + _steps(SEND, "{every: 2h}").replace("a:", "b:", 1)
    assert _verdict(scenes) == ""
    told = (
        "  c: {triggers: [{every: {interval: 1h, chat: '@hall_two'}}], steps: [{send: {text: x, chat: '@hall_one'}}]}\n"
    )
    assert "timers say up to 5 messages in a minute in @hall_one" in _verdict(scenes + told)
    four = _steps(", ".join([SEND] * 4), "{every: 1h}")
    assert _verdict(four) == ""
    verdict = str(parse_script(HEAD.replace("private", "'@hall_three'") + LIMITS + "scenes:\n" + four))
    assert (
        "timers say up to 12 messages and reactions in a minute in all, limits.per_account_per_minute is 9" in verdict
    )


def test_the_shortest_run_is_known(parsed: Parsed) -> None:
    """A timer whose scene plays for an hour would count as if it began again each time."""
    script = parsed(
        "variables: {n: 1}\nscenes:\n"
        "  a: {triggers: [{command: /a}], steps: [{wait: 5s}, {goto: b, when: '{{ n }}'}, {wait: 1m}]}\n"
        "  b: {steps: [{choose: [{wait: 7s}, {wait: 9s}]}]}\n"
        "  c: {triggers: [{command: /c}], steps: [{wait: 5s}, {goto: c}]}\n"
        "  d: {triggers: [{command: /d}], steps: [{wait: 2s}, {choose: [stop, {wait: 1s}]}]}\n"
    )
    assert shortest_runs(script) == {"a": 12.0, "b": 7.0, "c": float("inf"), "d": 2.0}
