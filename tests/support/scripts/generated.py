"""Scripts that nobody wrote: sound ones that use the whole language, broken ones, and what may happen to them.

Documents are plain data, as JSON is YAML. A sound one must be accepted: its texts know their names, its loops wait a
minute, its limits bear what it says. A broken one is a sound one with some mutations; it may be good by chance.
What is made is decided by dice: Hypothesis's, which find the smallest failure, or plain ones, which are ten times as
fast.
"""

import random
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")
Moment = tuple[str, str, int, str, float]
CHATS = ["@hall_one", "@hall_two", "private"]
SAFE_TEXTS = [
    "hi",
    "",
    "{{ n }}",
    "{{ 1 / (n | int(0)) }}",
    "{% for i in range(n) %}{{ i }}{% endfor %}",
    "{{ [n, o] | join }}",
]
SENDER_TEXTS = [*SAFE_TEXTS, "{{ sender }}", "{{ sender ~ all }}"]
MESSAGE_TEXTS = [*SENDER_TEXTS, "{{ text }}", "{{ match[0] }}", "{{ match.args | default(n) }}"]
EXPRESSIONS = ["{{ n }}", "{{ all > 2 }}", "{{ not n or o == 'x' }}", "{{ 1 / n }}", "{{ true }}"]
MESSAGE_TRIGGERS: list[dict[str, Any]] = [
    {"message": {"text": "hi"}},
    {"message": {"contains": "price"}},
    {"message": {"pattern": "(\\d+) (tea|cake)?"}},
    {"command": "/go"},
    {"mention": {"contains": "help"}},
    {"mention": True},
    {"reply": {"pattern": "^[1-5]$"}},
    {"reply": True},
]
JOINED_TRIGGERS: list[dict[str, Any]] = [{"joined": {"chat": "@hall_two"}}, {"joined": True}]
TIMED_TRIGGERS: list[dict[str, Any]] = [
    {"every": "5m"},
    {"every": {"interval": "7m", "chat": "@hall_one"}},
    {"at": "12:05"},
    {"at": {"time": "12:10", "days": ["mon", "wed"], "chat": "@hall_two"}},
]
CONDITIONS: list[dict[str, Any]] = [
    {"expr": "{{ n == 0 }}"},
    {"expr": "{{ 1 / n }}"},
    {"hours": ["11:00", "12:09"]},
    {"hours": ["23:00", "12:30"]},
    {"days": ["mon", "fri"]},
    {"chat": "@hall_one"},
    {"cooldown": "90s"},
]
MODES: list[Any] = ["single", "restart", "queued", "parallel", {"queued": {"max": 2}}, {"parallel": {"max": 2}}]
WAITS: list[Any] = ["0s", "1s", "2m", ["0s", "1s"], ["1s", "30s"]]


_TESTS: list[Any] = [
    [],
    [{"name": "one", "dialogue": [{"guest": "hi"}, {"wait": "10m"}, {"expect_nothing": True}]}],
    [
        {
            "name": "two",
            "clock": "2026-03-02 12:04",
            "seed": 3,
            "dialogue": [
                {"joins": "Mei"},
                {"guest": "2", "as": "Mei", "replies": True},
                {"guest": "help", "mentions": True, "chat": "private"},
                {"expect_reaction": "👍"},
                {"expect": "hi", "to": "Mei"},
            ],
        }
    ],
]
JUNK: list[Any] = [None, True, -1, "", "x", "{{ nn }}", "{{", "(", "0s", "9d", [], {}, ["x"], {"x": 1}, "a", "@x"]


class Dice(Protocol):
    """What decides."""

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        ...


class Drawn:
    """Hypothesis decides."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return self._draw(st.sampled_from(options))


class Rolled:
    """A number decides: the same number makes the same script."""

    def __init__(self, number: int) -> None:
        self._random = random.Random(number)

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return self._random.choice(options)


def sound_document(dice: Dice, *, timed: bool = True) -> dict[str, Any]:
    """A script that must be accepted."""
    begun = sorted({dice.pick(range(len(MESSAGE_TRIGGERS))) for _ in range(dice.pick([1, 2, 2, 3]))})
    names = ["a", "b", "c"][: len(begun)]
    scenes = {name: _scene(dice, MESSAGE_TRIGGERS[each], names) for name, each in zip(names, begun, strict=True)}
    if dice.pick([True, False]):
        scenes["joined"] = _scene(dice, dice.pick(JOINED_TRIGGERS), [])
    if timed and dice.pick([True, False]):
        scenes["timed"] = _scene(dice, dice.pick(TIMED_TRIGGERS), [])
    return {
        "id": "made",
        "chats": CHATS,
        "timezone": dice.pick(["UTC", "Asia/Taipei"]),
        "limits": {"per_chat_per_minute": 20, "per_account_per_minute": 60},
        "variables": {"n": dice.pick([0, 1]), "o": "x"},
        "account_variables": {"all": 0},
        "scenes": scenes,
        "tests": dice.pick(_TESTS),
    }


def _scene(dice: Dice, trigger: dict[str, Any], targets: list[str]) -> dict[str, Any]:
    """A scene with nothing in it that the check has a reason to refuse. `targets` bring what it needs."""
    answerable, spoken = trigger not in TIMED_TRIGGERS, trigger in MESSAGE_TRIGGERS
    texts = MESSAGE_TEXTS if spoken else SENDER_TEXTS if answerable else SAFE_TEXTS
    steps: list[Any] = [_step(dice, texts, answerable=answerable) for _ in range(dice.pick([1, 2, 3]))]
    ending = dice.pick(["", "stop", "goto"])
    if ending == "stop":
        steps.append("stop")
    elif ending == "goto" and targets:
        steps += [{"wait": "1m"}, {"goto": dice.pick(targets)}]
    scene: dict[str, Any] = {"triggers": [trigger], "mode": dice.pick(MODES), "steps": steps}
    possible = [each for each in CONDITIONS if spoken or "chat" not in each]
    conditions = [dice.pick(possible) for _ in range(dice.pick([0, 0, 1, 2]))]
    return scene | {"conditions": conditions} if conditions else scene


def _step(dice: Dice, texts: list[str], *, answerable: bool) -> dict[str, Any]:
    step = _action(dice, texts, answerable=answerable)
    if dice.pick(range(5)) == 0:
        options: list[Any] = [step | {"weight": 3}, _action(dice, texts, answerable=answerable)]
        step = {"choose": [*options, *dice.pick([[], ["stop"]])]}
    return step | {"when": dice.pick(EXPRESSIONS)} if dice.pick(range(4)) == 0 else step


def _action(dice: Dice, texts: list[str], *, answerable: bool) -> dict[str, Any]:
    """A step, or an alternative, that neither leads away nor chooses."""
    kind = dice.pick(["send", "told", "set", "wait", *(["reply", "reply", "react"] if answerable else [])])
    match kind:
        case "told":
            return {"send": {"text": dice.pick(texts), "chat": "@hall_two"}}
        case "set":
            return {"set": {dice.pick(["n", "o", "all"]): dice.pick([*texts, "{{ n + 1 }}", "{{ all + 1 }}", 2, True])}}
        case "wait":
            return {"wait": dice.pick(WAITS)}
        case "react":
            return {"react": dice.pick(["👍", "❤️"])}
    return {kind: dice.pick(texts)}


def broken_document(dice: Dice) -> dict[str, Any]:
    """A sound script after one to three mutations: keys lost, misspelt or strange, values out of place."""
    document = deepcopy(sound_document(dice))
    for _ in range(dice.pick([1, 2, 3])):
        place: Any = document
        for _ in range(dice.pick(range(7))):
            values = place.values() if isinstance(place, dict) else place
            inner = [each for each in values if each and isinstance(each, dict | list)]
            if not inner:
                break
            place = dice.pick(inner)
        _mutate(dice, place)
    return document


def _mutate(dice: Dice, place: Any) -> None:
    keys = list(place) if isinstance(place, dict) else list(range(len(place)))
    key = dice.pick(keys) if keys else None
    match dice.pick(["junk", "lose", "misspell", "double"]):
        case "junk" if key is not None:
            place[key] = deepcopy(dice.pick(JUNK))
        case "lose" if key is not None:
            del place[key]
        case "misspell" if isinstance(key, str):
            place[key[:-1] or "x"] = place.pop(key)
        case "double" if isinstance(key, int):
            place.append(deepcopy(place[key]))
        case "double" if key is not None:
            place["b" if key == "a" else "a"] = deepcopy(place[key])


def a_moment(dice: Dice) -> Moment:
    """What happens: the kind, a text, who, where, and how many seconds after what happened before."""
    kind = dice.pick(["said", "said", "said", "mention", "reply", "joined"])
    text = dice.pick(["hi", "/go", "/go 5", "12 tea", "price", "3", "@desk_bot help", "", "x" * 5000, "12 \ud800"])
    return kind, text, dice.pick([1, 2, 3]), dice.pick(CHATS[:2]), dice.pick([0.0, 0.5, 1.0, 20.0, 61.0, 400.0])


def some_moments(dice: Dice) -> list[Moment]:
    """Up to eight things that happen one after the other."""
    return [a_moment(dice) for _ in range(dice.pick(range(9)))]


@st.composite
def sound_documents(draw: st.DrawFn, *, timed: bool = True) -> dict[str, Any]:
    """Scripts that must be accepted."""
    return sound_document(Drawn(draw), timed=timed)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Scripts, sound and broken."""
    dice = Drawn(draw)
    return dice.pick([sound_document, broken_document])(dice)


@st.composite
def moments(draw: st.DrawFn) -> list[Moment]:
    """What happens to a script."""
    return some_moments(Drawn(draw))
